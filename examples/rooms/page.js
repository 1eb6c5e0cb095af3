const $ = (id) => document.getElementById(id);
const longestWait = 15_000; // milliseconds between two attempts to connect

let socket;
let wait = 500;
let retry;

function connect() {
  clearTimeout(retry);
  const url = new URL('room/' + $('room').value, location.href);
  url.protocol = url.protocol.replace('http', 'ws');
  const mine = (socket = new WebSocket(url));
  socket.onopen = () => {
    wait = 500;
    show('live', 'In ' + $('room').value);
  };
  socket.onmessage = (event) => hear(event.data);
  socket.onclose = () => {
    if (mine !== socket) return; // we have taken another room
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

function hear(text) {
  const item = document.createElement('li');
  item.textContent = text; // textContent: what people type is never HTML
  $('empty').hidden = true;
  $('log').firstElementChild.append(item);
  $('log').scrollTop = $('log').scrollHeight;
}

$('say').addEventListener('submit', (event) => {
  event.preventDefault();
  if (socket.readyState !== WebSocket.OPEN) return; // keep the text until we are back
  socket.send($('text').value);
  $('text').value = '';
  $('text').focus();
});

$('room').value = sessionStorage.getItem('room') ?? 'lobby';
$('room').addEventListener('change', () => {
  if (!$('room').checkValidity()) return;
  sessionStorage.setItem('room', $('room').value);
  const left = socket;
  connect();
  left.close();
});
addEventListener('online', () => socket.readyState === WebSocket.CLOSED && connect());

document.querySelector('nav').hidden = location.pathname === '/'; // this example runs alone
$('text').focus();
connect();
