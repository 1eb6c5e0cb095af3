const $ = (id) => document.getElementById(id);
const longestWait = 15_000; // milliseconds between two attempts to connect

let socket;
let me; // the id that the server gave to this socket
let wait = 500;
let retry;

function connect() {
  clearTimeout(retry);
  const url = new URL('socket', location.href);
  url.protocol = url.protocol.replace('http', 'ws');
  socket = new WebSocket(url);
  socket.onopen = () => {
    wait = 500;
    show('live', 'Live');
  };
  socket.onmessage = (event) => hear(JSON.parse(event.data));
  socket.onclose = () => {
    const delay = wait * (0.75 + Math.random() / 2); // so that a crowd does not come back at once
    wait = Math.min(wait * 2, longestWait);
    retry = setTimeout(connect, delay);
    show('offline', 'Offline, trying again');
  };
}

function show(state, text) {
  $('status').dataset.state = state;
  if ($('status').textContent !== text) $('status').textContent = text;
  $('send').disabled = state !== 'live';
}

function hear(said) {
  if (said.you) {
    me = said.you;
    return;
  }
  const mine = said.from === me;
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
  socket.send(JSON.stringify({ name: $('name').value, text: $('text').value }));
  $('text').value = '';
  $('text').focus();
});

// Each tab keeps its name, so that two tabs can be two people.
$('name').value = sessionStorage.getItem('name') ?? '';
$('name').addEventListener('input', () => sessionStorage.setItem('name', $('name').value));
addEventListener('online', () => socket.readyState === WebSocket.CLOSED && connect());

document.querySelector('nav').hidden = location.pathname === '/'; // this example runs alone
$($('name').value ? 'text' : 'name').focus();
connect();
