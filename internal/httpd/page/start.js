// The boxes of the start page: one socket each, what it says and what becomes of it.
"use strict";

const kept = 300; // lines of a log
const shown = 10000; // characters of a message

const codes = {
  1000: "normal", 1001: "going away: the server stops, or the page was left", 1002: "protocol error",
  1003: "kind of data not accepted", 1005: "without a code", 1006: "lost without a close frame",
  1007: "text that is not UTF-8", 1008: "against the rules", 1009: "message too big",
  1011: "a function raised: see the server's log", 1012: "its worker died: connect again",
  1013: "try again later", 4000: "this page read too slowly", 4001: "no answer to pings",
};

const marks = { "→": "sent", "←": "received", "·": "note", "×": "ended", "!": "mistake" };

function clock() {
  const now = new Date();
  const two = (n) => String(n).padStart(2, "0");
  return two(now.getHours()) + ":" + two(now.getMinutes()) + ":" + two(now.getSeconds());
}

function element(name, className, text) {
  const e = document.createElement(name);
  e.className = className;
  e.textContent = text;
  return e;
}

function cut(text) {
  return text.length <= shown ? text : text.slice(0, shown) + "… (" + text.length + " characters)";
}

function hex(buffer) {
  const head = Array.from(new Uint8Array(buffer, 0, Math.min(buffer.byteLength, 64)), (b) => b.toString(16).padStart(2, "0"));
  return "binary, " + buffer.byteLength + " bytes: " + head.join(" ") + (buffer.byteLength > 64 ? " …" : "");
}

// A browser does not tell a page why a handshake was refused. A plain request
// to the same address does.
async function whyRefused(address) {
  let response;
  try {
    response = await fetch(address.replace(/^ws/, "http"), { cache: "no-store", redirect: "manual" });
  } catch {
    return "The server does not answer. Is parley still running?";
  }
  const said = (await response.text()).trim();
  const line = said && said.length < 300 && !said.startsWith("<") ? " It says: “" + said + "”." : "";
  switch (response.status) {
    case 426:
      return "The endpoint is there but refused this page. Most often its origins: in the YAML do not list "
        + location.hostname + ". The server's log says which line to change.";
    case 404:
      return "No endpoint has this path (404). Compare it with the pattern in the YAML.";
    case 503:
      return "The endpoint cannot serve now (503)." + line + " The server's log says why.";
  }
  return "This path answers with status " + response.status + ", not with a socket." + line;
}

function box(root) {
  const dial = root.querySelector(".dial");
  const say = root.querySelector(".say");
  const log = root.querySelector(".log");
  const state = root.querySelector(".state");
  const connect = root.querySelector(".connect");
  let socket = null;
  let waiting = []; // typed before the socket was open

  function write(kind, mark, text) {
    const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 20;
    const item = element("li", kind, "");
    const sign = element("span", "mark", mark);
    sign.setAttribute("role", "img");
    sign.setAttribute("aria-label", marks[mark]);
    const words = element("span", "", cut(text));
    item.append(element("time", "", clock()), sign, words);
    log.append(item);
    if (log.childElementCount > kept) log.firstElementChild.remove();
    if (atEnd) log.scrollTop = log.scrollHeight;
  }

  function show(text, className, button) {
    state.textContent = text;
    state.className = "state " + className;
    connect.textContent = button;
  }

  function open() {
    const path = dial.elements.path.value;
    let address;
    try {
      address = new URL(location.origin + (path.startsWith("/") ? path : "/" + path));
      address = address.href.replace(/#.*/, "").replace(/^http/, "ws");
      socket = new WebSocket(address);
    } catch (err) {
      socket = null;
      waiting = [];
      write("bad", "!", "This is no address: " + err.message);
      show("not connected", "failed", "Connect");
      return;
    }
    const mine = socket;
    let opened = false;
    mine.binaryType = "arraybuffer";
    show("connecting…", "", "Cancel");
    mine.onopen = () => {
      opened = true;
      show("connected", "open", "Disconnect");
      write("note", "·", "Connected to " + address);
      for (const text of waiting.splice(0)) send(text);
    };
    mine.onmessage = (event) => {
      const text = typeof event.data === "string" ? event.data : hex(event.data);
      write("got", "←", text);
    };
    mine.onclose = async (event) => {
      if (socket === mine) socket = null;
      if (opened) {
        const meaning = codes[event.code] ? " (" + codes[event.code] + ")" : "";
        const reason = event.reason ? ": " + event.reason : "";
        const good = event.code === 1000 || event.code === 1001 || event.code === 1005;
        write(good ? "note" : "bad", "×", "Closed with " + event.code + meaning + reason);
        if (!socket) show("closed, " + event.code, good ? "" : "failed", "Connect");
        return;
      }
      if (mine.cancelled) {
        if (!socket) show("not connected", "", "Connect");
        return;
      }
      const unsent = waiting.splice(0).join(" ");
      if (say.elements.text.value === "") say.elements.text.value = unsent;
      if (!socket) show("could not connect", "failed", "Connect");
      write("bad", "×", "Could not connect. " + await whyRefused(address));
    };
  }

  function send(text) {
    socket.send(text);
    write("sent", "→", text);
  }

  dial.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!socket) {
      open();
      return;
    }
    if (socket.readyState === WebSocket.CONNECTING) {
      socket.cancelled = true;
      waiting = [];
    } else {
      show("closing…", "", "Disconnect");
    }
    socket.close(1000);
  });

  say.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = say.elements.text.value;
    if (text === "") return;
    say.elements.text.value = "";
    if (socket && socket.readyState === WebSocket.OPEN) {
      send(text);
      return;
    }
    waiting.push(text);
    if (!socket) open();
  });
}

document.querySelectorAll(".try").forEach(box);
