const $ = (id) => document.getElementById(id);

let socket;

function connect(token) {
  const url = new URL('socket', location.href);
  url.protocol = url.protocol.replace('http', 'ws');
  // A page cannot send headers with a WebSocket, so the token comes as a
  // subprotocol. The server answers with "parley", and never repeats the token.
  socket = new WebSocket(url, ['parley', 'bearer.' + token]);
  let opened = false;
  socket.onopen = () => {
    opened = true;
    show('live', 'Live until ' + timeOf(expiryOf(token)));
  };
  socket.onmessage = (event) => hear(event.data);
  socket.onclose = (event) => {
    show('offline', 'Not connected');
    if (event.code === 4401) add(`${ended(event.reason)} Paste a fresh one, and connect again.`, 'aside');
    else if (opened) add('The connection has ended.', 'aside');
    else add('Not let in: the token has expired, or is none of this server’s. Or the server is away.', 'aside');
  };
}

function ended(reason) {
  return reason === 'token expired' ? 'The token has expired.' : `The server says: ${reason}.`;
}

// expiryOf reads the claim exp of a token, whose second part is base64url of
// JSON. That is for people to see; the server believes nothing unsigned.
function expiryOf(token) {
  const claims = token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/');
  return JSON.parse(atob(claims)).exp;
}

const timeOf = (seconds) => new Date(seconds * 1000).toLocaleTimeString();

function show(state, text) {
  $('status').dataset.state = state;
  $('status').textContent = text;
  $('send').disabled = state !== 'live';
  $('use').textContent = state === 'live' ? 'Renew' : 'Connect';
}

function hear(text) {
  if (text.startsWith('{"parley":')) {
    const { token, expires } = JSON.parse(text).parley; // the answer to a fresh token
    if (token !== 'renewed') {
      add('The keys for your token cannot be had now. Try again soon.', 'aside');
      return;
    }
    show('live', 'Live until ' + timeOf(expires));
    add('Renewed until ' + timeOf(expires), 'aside');
  } else {
    add(text);
  }
}

function add(text, kind = '') {
  $('empty').hidden = true;
  const item = document.createElement('li');
  item.className = kind;
  item.textContent = text; // textContent: what comes is never HTML
  $('log').firstElementChild.append(item);
  $('log').scrollTop = $('log').scrollHeight;
}

$('show').addEventListener('submit', (event) => {
  event.preventDefault();
  const token = $('token').value.trim();
  $('token').value = ''; // whoever sees a token can use it
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ parley: { token } }));
  else if (socket?.readyState !== WebSocket.CONNECTING) connect(token);
});
$('say').addEventListener('submit', (event) => {
  event.preventDefault();
  socket.send($('text').value);
  $('text').value = '';
  $('text').focus();
});

document.querySelector('nav').hidden = location.pathname === '/'; // this example runs alone
$('token').focus();
