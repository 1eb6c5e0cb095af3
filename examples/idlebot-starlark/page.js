const $ = (id) => document.getElementById(id);

let socket;

function connect() {
  const url = new URL('socket', location.href);
  url.protocol = url.protocol.replace('http', 'ws');
  socket = new WebSocket(url);
  socket.onopen = () => show('live', 'Live');
  socket.onmessage = (event) => {
    const said = JSON.parse(event.data);
    add(said.text, said.unasked ? 'aside' : 'answer', said.unasked && 'after a silence');
  };
  socket.onclose = () => {
    show('offline', 'Offline, trying again');
    setTimeout(connect, 2000);
  };
}

function show(state, text) {
  $('status').dataset.state = state;
  if ($('status').textContent !== text) $('status').textContent = text;
  $('send').disabled = state !== 'live';
}

function add(text, kind, note) {
  const item = document.createElement('li');
  item.className = kind;
  item.append(text);
  if (note) {
    const small = document.createElement('small');
    small.textContent = note;
    item.append(small);
  }
  $('log').firstElementChild.append(item);
  $('log').scrollTop = $('log').scrollHeight;
}

$('say').addEventListener('submit', (event) => {
  event.preventDefault();
  socket.send($('text').value);
  add($('text').value, 'mine');
  $('text').value = '';
  $('text').focus();
});

document.querySelector('nav').hidden = location.pathname === '/'; // this example runs alone
$('text').focus();
connect();
