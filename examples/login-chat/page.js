const $ = (id) => document.getElementById(id);
const longestWait = 15_000; // milliseconds between two attempts to connect

let me; // who is logged in, as the server says
let room;
let socket;
let wait = 500;
let retry;

// whoAmI asks the server. The page is only for those who have logged in: for
// all others, loading it leads to the login and back.
async function whoAmI() {
  const answer = await fetch('me');
  if (answer.status === 401) location.reload();
  if (!answer.ok) throw new Error(answer.statusText);
  return answer.json();
}

async function connect() {
  clearTimeout(retry);
  try {
    me = await whoAmI();
  } catch {
    tryAgain();
    return;
  }
  $('me').textContent = me.name;
  room = new URLSearchParams(location.search).get('room') ?? me.role[0];
  document.querySelector(`#rooms [href="?room=${CSS.escape(room)}"]`)?.setAttribute('aria-current', 'page');

  const url = new URL('room/' + room, location.href);
  url.protocol = url.protocol.replace('http', 'ws');
  let opened = false;
  socket = new WebSocket(url);
  socket.onopen = () => {
    opened = true;
    wait = 500;
    show('live', 'In the ' + room + ' room');
  };
  socket.onmessage = (event) => hear(JSON.parse(event.data));
  socket.onclose = (event) => {
    if (event.code === 4401) location.reload(); // logged out, here or elsewhere
    else if (!opened && !me.role.includes(room)) refused(); // scripts are not told the status of a handshake
    else tryAgain();
  };
}

function tryAgain() {
  const delay = wait * (0.75 + Math.random() / 2); // so that a crowd does not come back at once
  wait = Math.min(wait * 2, longestWait);
  retry = setTimeout(connect, delay);
  show('offline', 'Offline, trying again');
}

function refused() {
  show('offline', 'Not let in');
  $('empty').textContent = `You are logged in as ${me.name}, and the ${room} room is not for you.`;
}

function show(state, text) {
  $('status').dataset.state = state;
  if ($('status').textContent !== text) $('status').textContent = text;
  $('send').disabled = state !== 'live';
}

function hear(said) {
  if (said.you) return; // the greeting: we have joined
  const mine = said.from === me.id;
  const name = document.createElement('b');
  name.textContent = mine ? 'You' : said.name; // textContent: what people type is never HTML
  const item = document.createElement('li');
  item.classList.toggle('mine', mine);
  item.append(name, said.text);

  const log = $('log');
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 50;
  $('empty').hidden = true;
  log.firstElementChild.append(item);
  if (atEnd || mine) log.scrollTop = log.scrollHeight;
}

$('say').addEventListener('submit', (event) => {
  event.preventDefault();
  if (socket.readyState !== WebSocket.OPEN) return; // keep the text until we are back
  socket.send($('text').value);
  $('text').value = '';
  $('text').focus();
});

document.querySelector('nav').hidden = location.pathname === '/'; // this example runs alone
$('text').focus();
connect();
