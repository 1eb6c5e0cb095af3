const $ = (id) => document.getElementById(id);

let socket;

function connect() {
  const url = new URL('socket', location.href);
  url.protocol = url.protocol.replace('http', 'ws');
  socket = new WebSocket(url);
  socket.binaryType = 'arraybuffer';
  socket.onopen = () => show('live', 'Live');
  socket.onmessage = (event) => add(event.data);
  socket.onclose = () => {
    show('offline', 'Offline, trying again');
    setTimeout(connect, 2000);
  };
}

function show(state, text) {
  $('status').dataset.state = state;
  if ($('status').textContent !== text) $('status').textContent = text;
  for (const button of document.querySelectorAll('button')) button.disabled = state !== 'live';
}

// add shows one message: text as it is, bytes as hexadecimal numbers.
function add(data, mine = false) {
  const item = document.createElement('li');
  item.classList.toggle('mine', mine);
  if (typeof data === 'string') {
    item.append(data);
  } else {
    const bytes = new Uint8Array(data);
    const code = document.createElement('code');
    code.textContent = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const size = document.createElement('small');
    size.textContent = bytes.length === 1 ? '1 byte' : `${bytes.length} bytes`;
    item.append(code, size);
  }
  $('empty').hidden = true;
  $('log').firstElementChild.append(item);
  $('log').scrollTop = $('log').scrollHeight;
}

$('say').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = $('text').value;
  const data = event.submitter?.value === 'bytes' ? new TextEncoder().encode(text) : text;
  socket.send(data);
  add(data, true);
  $('text').value = '';
  $('text').focus();
});

document.querySelector('nav').hidden = location.pathname === '/'; // this example runs alone
$('text').focus();
connect();
