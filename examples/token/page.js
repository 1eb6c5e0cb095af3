const $ = (id) => document.getElementById(id);

let socket;
let expires; // when the token ends, in milliseconds since 1970
let clock;

function connect(token) {
  socket?.close();
  expires = expiryOf(token);
  const url = new URL('socket', location.href);
  url.protocol = url.protocol.replace('http', 'ws');
  // A page cannot send headers with a WebSocket, so the token comes as a
  // subprotocol. The server answers with "parley", and never repeats the token.
  const mine = (socket = new WebSocket(url, ['parley', 'bearer.' + token]));
  let opened = false;
  socket.onopen = () => {
    opened = true;
    tick();
  };
  socket.onmessage = (event) => hear(event.data);
  socket.onclose = (event) => {
    if (mine !== socket) return; // there is a new one
    clearTimeout(clock);
    show('offline', 'Not connected');
    if (event.code === 4401) add(`${ended(event.reason)} Paste a fresh one, and connect again.`, 'aside');
    else if (opened) add('The connection has ended.', 'aside');
    else add('Not let in: the token has expired, or is none of this server’s. Or the server is away.', 'aside');
  };
}

function ended(reason) {
  return reason === 'token expired' ? 'The token has expired.' : `The server says: ${reason}.`;
}

// expiryOf reads the claim exp of a token: its second part is base64url of JSON.
// That is for people to see; the server believes nothing without the signature.
function expiryOf(token) {
  try {
    return JSON.parse(atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/'))).exp * 1000;
  } catch {
    return NaN;
  }
}

function tick() {
  const left = Math.max(0, Math.ceil((expires - Date.now()) / 1000));
  show('live', `Good for ${left} s`);
  clock = setTimeout(tick, 1000);
}

function show(state, text) {
  $('status').dataset.state = state;
  $('status').textContent = text;
  $('send').disabled = $('renew').disabled = state !== 'live';
}

function hear(text) {
  if (text.startsWith('{"parley":')) {
    expires = JSON.parse(text).parley.expires * 1000; // the answer to a fresh token
    add('Renewed until ' + new Date(expires).toLocaleTimeString(), 'aside');
  } else {
    add(text);
  }
}

function add(text, kind = '') {
  const item = document.createElement('li');
  item.className = kind;
  item.textContent = text; // textContent: what comes is never HTML
  $('log').firstElementChild.append(item);
  $('log').scrollTop = $('log').scrollHeight;
}

// takeToken empties the field: a token is as good as a password.
function takeToken() {
  const token = $('token').value.trim();
  $('token').value = '';
  return token;
}

$('open').addEventListener('submit', (event) => {
  event.preventDefault();
  connect(takeToken());
});
$('renew').addEventListener('click', () => {
  if ($('open').reportValidity()) socket.send(JSON.stringify({ parley: { token: takeToken() } }));
});
$('say').addEventListener('submit', (event) => {
  event.preventDefault();
  socket.send($('text').value);
  $('text').value = '';
  $('text').focus();
});

document.querySelector('nav').hidden = location.pathname === '/'; // this example runs alone
$('token').focus();
