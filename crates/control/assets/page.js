// What makes the pages live. Everything works without it. Text from elsewhere only ever becomes text (textContent).
"use strict";
const $ = (id) => document.getElementById(id);

// Times in the reader's own zone; the text stays relative where the page wrote it so.
for (const time of document.querySelectorAll("time[datetime]")) {
  time.title = new Date(time.dateTime).toLocaleString();
}

// A form is sent once: a second press would start the same work again.
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", () => setTimeout(() => {
    for (const button of form.querySelectorAll("button")) button.disabled = true;
  }));
}
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

const seconds = (from) => Math.max(0, Math.round((Date.now() - from) / 1000));
const span = (s) => s < 60 ? `${s} s` : `${Math.floor(s / 60)} min ${s % 60} s`;

function note(kind, text) {
  const p = document.createElement("p");
  p.className = `note ${kind}`;
  p.textContent = text;
  return p;
}

function table({ columns, rows }) {
  const element = document.createElement("table");
  const head = element.createTHead().insertRow();
  for (const column of columns) {
    const th = document.createElement("th");
    th.scope = "col";
    th.textContent = column;
    head.append(th);
  }
  const body = element.createTBody();
  for (const row of rows) {
    const tr = body.insertRow();
    for (const cell of row) tr.insertCell().textContent = cell;
  }
  return element;
}

// A running task: its events, from the byte the page was written at. When the connection is lost (a network that goes, an
// upgrade of this very page), it goes on at the last byte seen.
function follow(task) {
  let last = task.dataset.from, heard = Date.now(), about = $("detail").textContent, lines = 0;
  const log = $("log");

  function write(line) {
    const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 30;
    log.append(line + "\n");
    // a page that is open for hours must not grow for ever; the whole is in the log
    if (++lines > 2000) log.firstChild.remove();
    if (atEnd) log.scrollTop = log.scrollHeight;
  }

  const on = {
    phase(e) {
      // the page that the server writes counts until the machine is back
      if (e.id === "restart") return location.reload();
      $("phase").textContent = about = e.title;
      $("step").textContent = e.index && e.of ? `step ${e.index} of ${e.of}` : "";
      $("detail").textContent = "";
      $("bar").removeAttribute("value");
      const cancel = $("cancel");
      if (cancel && cancel.dataset.until === e.id) {
        cancel.remove();
        $("too-late").hidden = false;
      }
    },
    progress(e) {
      $("bar").value = e.percent;
      $("detail").textContent = e.detail;
      about = e.detail || about;
    },
    log(e) { write(e.line); },
    warning(e) { $("warnings").append(note("warn", e.message)); },
    table(e) { $("tables").append(table(e)); },
    text(e) {
      const pre = document.createElement("pre");
      pre.className = "text";
      pre.textContent = (e.title ? e.title + "\n\n" : "") + e.text;
      $("tables").append(pre);
    },
    artifact() {},
    secret() {},
    result(e) {
      clearInterval(clock);
      // the page that the server writes shows the result with all that belongs to it
      if (!$("leaving") || e.status !== "ok") location.reload();
    },
  };

  function connect() {
    const source = new EventSource(`/tasks/${task.dataset.id}/events?from=${last}`);
    source.onmessage = (message) => {
      last = message.lastEventId;
      heard = Date.now();
      const event = JSON.parse(message.data);
      if (on[event.event]) on[event.event](event);
      if (event.event === "result") source.close();
    };
    source.addEventListener("signed-out", () => { source.close(); location.reload(); });
    source.onerror = () => {
      // the browser itself tries again after a lost connection, but not after an error page
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, 2000);
    };
  }

  const clock = setInterval(() => {
    const quiet = seconds(heard);
    $("detail").hidden = quiet >= 10;
    $("silence").textContent = quiet >= 10 ? `Still ${about ? about[0].toLowerCase() + about.slice(1) : "working"}, no news for ${span(quiet)}` : "";
  }, 1000);
  log.scrollTop = log.scrollHeight;
  connect();
}

// The machine restarts: count, ask, and say when it is back. One that was scheduled may wait for a task first.
function wait(box, due) {
  const began = Date.now(), text = box.lastElementChild, restart = box.dataset.what === "restart";
  let away = false, back = false;
  async function ask() {
    try {
      const answer = await fetch("/boot-id", { cache: "no-store", signal: AbortSignal.timeout(3000) });
      const id = (await answer.text()).trim();
      if (answer.ok && id !== box.dataset.bootId) back = true;
    } catch { away = true; }
    if (back) {
      box.className = "note good";
      while (box.firstElementChild !== text) box.firstElementChild.remove();
      text.textContent = `The machine is back after ${span(seconds(began))}.`;
      for (const id of ["now", "leave"]) if ($(id)) $(id).hidden = true;
      if ($("back")) $("back").hidden = false;
      document.title = "Back · " + document.title;
      return clearInterval(clock);
    }
    setTimeout(ask, 1000);
  }
  const clock = setInterval(() => {
    const s = seconds(began);
    if (!restart) text.textContent = away ? "The machine is off. You can close this page." : `The machine shuts down… ${span(s)}`;
    else if (s > 300) text.textContent = `The machine has been away for ${span(s)}. Look at its console if it does not come back.`;
    else text.textContent = (away ? "The machine is starting… " : due ? "The restart is due… " : "The machine stops… ") + span(s);
  }, 1000);
  ask();
}

// A restart or shutdown that was scheduled: count down, then wait.
function later(box) {
  const at = new Date(box.dataset.at), left = $("left");
  const clock = setInterval(() => {
    const s = Math.round((at - Date.now()) / 1000);
    if (s > 0) return void (left.textContent = s < 3600 ? `(in ${span(s)})` : `(at ${at.toLocaleString()} here)`);
    clearInterval(clock);
    const text = document.createElement("span");
    text.setAttribute("role", "status");
    box.className = "note busy";
    box.replaceChildren(text);
    wait(box, true);
  }, 1000);
}

// An upload shows how far it is. The answer is the page of the task.
function upload(form) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const bar = document.createElement("progress"), text = note("busy", "Sending the file…"), request = new XMLHttpRequest();
    bar.max = 100;
    form.append(bar, text);
    request.upload.onprogress = (e) => {
      if (!e.lengthComputable) return;
      bar.value = 100 * e.loaded / e.total;
      text.textContent = e.loaded === e.total ? "The file is here. The task starts…" : `Sending the file: ${Math.floor(bar.value)} %`;
    };
    const fail = (why) => {
      bar.remove();
      text.className = "note bad";
      text.textContent = why;
      for (const button of form.querySelectorAll("button")) button.disabled = false;
    };
    request.onload = () => {
      let answer = {};
      try { answer = JSON.parse(request.responseText); } catch { /* not ours */ }
      if (request.status === 200 && answer.id) location.assign(`/tasks/${answer.id}`);
      else fail(answer.message || `The machine answered with ${request.status}.`);
    };
    request.onerror = () => fail("The connection broke. Nothing was started.");
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "application/json");
    request.send(new FormData(form));
  });
}

// Settings: a question is shown when its condition holds with the answers above it. What is hidden keeps its text, and the broker
// does not look at it.
function settings(form) {
  const boxes = [...form.querySelectorAll("[data-question]")], answers = {};
  const inputs = (box) => [...box.querySelectorAll("input:not([type=hidden]), select, textarea")];
  function answered(box) {
    const all = inputs(box), ticked = all.filter((i) => i.checked).map((i) => i.value);
    switch (box.dataset.shape) {
      case "tick": return [ticked.length ? "true" : "false"];
      case "some": return ticked.length ? ticked : [""];
      case "secret": return [all[0].value || (box.dataset.kept && !ticked.length ? "kept" : "")];
      default: return [all[0].value.trim()];
    }
  }
  function look() {
    for (const box of boxes) {
      const { question, when } = box.dataset, on = answers[when] || [];
      if (when) {
        const is = JSON.parse(box.dataset.is), not = JSON.parse(box.dataset.not);
        box.hidden = !on.length || (is.length ? !is.some((v) => on.includes(v)) : not.some((v) => on.includes(v)));
      }
      answers[question] = box.hidden ? [] : answered(box);
    }
    for (const card of form.querySelectorAll(".card")) {
      card.hidden = !card.querySelector("[data-question]:not([hidden])");
    }
  }
  form.classList.add("live");
  form.addEventListener("input", look);
  look();
  const wrong = form.querySelector(".wrong");
  if (wrong) inputs(wrong)[0].focus();
}

// The log: what comes is put on top, for as long as somebody wants that.
function live(box) {
  const wanted = $("follow"), said = box.lastElementChild, body = $("entries"), address = new URL(location.href);
  let after = box.dataset.after, next;
  box.hidden = !body;
  function row(entry) {
    const tr = document.createElement("tr"), at = new Date(entry.at), time = document.createElement("time");
    tr.className = entry.priority <= 3 ? "bad" : entry.priority === 4 ? "warn" : "";
    time.dateTime = at.toISOString();
    time.title = at.toLocaleString();
    time.textContent = time.dateTime.slice(11, 19);
    tr.insertCell().append(time);
    tr.insertCell().textContent = entry.identifier || entry.unit;
    tr.insertCell().textContent = entry.message;
    return tr;
  }
  async function ask() {
    if (!wanted.checked) return;
    address.searchParams.set("after", after);
    try {
      const answer = await fetch(address, { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(30000) });
      if (answer.status === 401) return location.reload();
      const entries = await answer.json();
      if (entries.length) after = entries[0].cursor;
      body.prepend(...entries.map(row));
      while (body.rows.length > 2000) body.lastChild.remove();
      said.textContent = "";
    } catch { said.textContent = "The machine does not answer; it is asked again."; }
    next = setTimeout(ask, 2000);
  }
  wanted.addEventListener("change", () => { clearTimeout(next); ask(); });
}

const task = $("task"), leaving = $("leaving");
if (task && task.dataset.state === "running") follow(task);
if (leaving) {
  // this page may be the answer to the form: loading it again must not send that once more
  history.replaceState(null, "", `/tasks/${task.dataset.id}`);
  wait(leaving);
}
if ($("later")) later($("later"));
// A card whose query takes long: when it has its answer, the page that the server writes shows it.
// That happens once: an answer that is not there then either is a link, and no form is emptied again.
const slow = document.querySelectorAll("[data-wait]"), again = `waited ${location.pathname}`;
if (!slow.length) sessionStorage.removeItem(again);
for (const waits of slow) {
  if (sessionStorage.getItem(again)) break;
  fetch(waits.dataset.wait, { headers: { Accept: "application/json" } }).then((answer) => {
    if (answer.ok) {
      sessionStorage.setItem(again, "1");
      location.reload();
    }
    else answer.json().then((why) => { waits.textContent = why.message; });
  }).catch(() => {});
}
// Plugins come and go with their packages, and the navigation follows. A page that nobody looks at, or has touched for ten minutes, does
// not ask: it would keep a session alive that nobody uses.
let touched = Date.now();
for (const what of ["pointermove", "keydown", "scroll"]) addEventListener(what, () => { touched = Date.now(); }, { passive: true });
async function plugins() {
  if (document.visibilityState !== "visible" || Date.now() - touched > 600000) return;
  const answer = await fetch("/plugins", { headers: { Accept: "application/json" }, signal: AbortSignal.timeout(20000) });
  if (!answer.ok) return;
  const links = [...document.querySelectorAll("nav [data-plugin]")], list = await answer.json();
  const told = (link) => `${link.getAttribute("href")} ${link.textContent}`;
  const wanted = list.map(({ name, title }) => {
    const link = $("entry").content.firstElementChild.cloneNode(true);
    link.href = `/plugins/${name}`;
    link.append(title);
    return link;
  });
  if (links.map(told).join() === wanted.map(told).join()) return;
  const here = links.find((link) => link.hasAttribute("aria-current"));
  const still = here && wanted.find((link) => link.getAttribute("href") === here.getAttribute("href"));
  if (still) still.setAttribute("aria-current", "page");
  else if (here) $("main").prepend(note("warn", "This plugin is not on the machine any more."));
  links.forEach((link) => link.remove());
  document.querySelector("nav a").after(...wanted);
}
if ($("entry")) setInterval(() => plugins().catch(() => {}), 5000);
if ($("live")) live($("live"));
for (const form of document.querySelectorAll("form[data-upload]")) upload(form);
for (const form of document.querySelectorAll("form[data-settings]")) settings(form);
