const $ = (id) => document.getElementById(id);

let socket;

function connect() {
  const url = new URL('socket', location.href);
  url.protocol = url.protocol.replace('http', 'ws');
  socket = new WebSocket(url);
  socket.onopen = () => show('live', 'Live');
  socket.onmessage = (event) => {
    const said = JSON.parse(event.data);
    add('echo' in said ? said.echo : visit(said), 'answer');
  };
  socket.onclose = () => {
    show('offline', 'Offline, trying again');
    setTimeout(connect, 2000);
  };
}

// visit puts into words how the socket came to the app.
function visit({ proxied, protocol, host, address }) {
  const way = proxied ? 'You came through nginx' : 'You came straight to Parley, not through nginx';
  return `${way}: by ${protocol}, asking for ${host}, from ${address}.`;
}

function show(state, text) {
  $('status').dataset.state = state;
  if ($('status').textContent !== text) $('status').textContent = text;
  $('send').disabled = state !== 'live';
}

function add(text, kind) {
  const item = document.createElement('li');
  item.className = kind;
  item.append(text);
  $('empty').hidden = true;
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
