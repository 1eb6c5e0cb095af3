const $ = (id) => document.getElementById(id);

let socket;
let me; // the id that the server gave to this socket
let wait = 500; // milliseconds until the next attempt to connect

function connect() {
  socket = new WebSocket(location.href.replace(/^http/, 'ws').replace(/[^/]*$/, 'chat'));
  socket.onopen = () => {
    wait = 500;
    show('Live', true);
  };
  socket.onmessage = (event) => hear(JSON.parse(event.data));
  socket.onclose = () => {
    show('Offline, trying again', false);
    setTimeout(connect, wait * (0.75 + Math.random() / 2)); // not all pages at once
    wait = Math.min(wait * 2, 15_000);
  };
}

function show(text, live) {
  $('status').textContent = text;
  $('send').disabled = !live;
}

function hear(said) {
  if (said.you) {
    me = said.you;
    return;
  }
  const item = document.createElement('li');
  item.textContent = said.text; // textContent: what people type is never HTML
  item.className = said.from === me ? 'mine' : '';
  $('log').append(item);
  item.scrollIntoView({ block: 'end' });
}

$('say').addEventListener('submit', (event) => {
  event.preventDefault();
  if (socket.readyState !== WebSocket.OPEN) return; // keep the text until we are back
  socket.send(JSON.stringify({ text: $('text').value }));
  $('text').value = '';
});

connect();
$('text').focus();
