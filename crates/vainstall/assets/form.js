// What makes the page livelier. Everything works without it. Text from elsewhere only ever becomes text.
"use strict";

// A question with a condition is in sight while its condition holds.
const questions = [...document.querySelectorAll(".question")];
const answer = (name) => {
  const elements = [...document.querySelectorAll("[name]")].filter((e) => e.name === name && !e.closest("[hidden]"));
  const choices = elements.filter((e) => e.type === "radio" || e.type === "checkbox");
  return choices.length ? choices.filter((e) => e.checked).map((e) => e.value)
    : elements.map((e) => e.value || e.placeholder).filter((value) => value);
};
function refresh() {
  // in the page's order: what depends on a question that is not asked is not asked either
  for (const question of questions) {
    const { on, test, words } = question.dataset;
    if (!on) continue;
    const given = answer(on), listed = JSON.parse(words);
    const asked = [...document.querySelectorAll("[name]")].some((e) => e.name === on && !e.closest("[hidden]"));
    const among = listed.some((word) => given.includes(word));
    const holds = test === "yes" ? given.length > 0 && given[0] !== "false" : test === "is" ? among : !among;
    question.hidden = !(asked && holds);
  }
}
for (const condition of document.querySelectorAll(".condition")) condition.hidden = true;
document.addEventListener("input", refresh);
refresh();

// A form is sent once.
for (const form of document.querySelectorAll("form")) {
  form.addEventListener("submit", () => setTimeout(() => {
    for (const button of form.querySelectorAll("button")) button.disabled = true;
  }));
}
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

// The progress comes by itself, until something else is to be seen.
const main = document.querySelector("main");
if (main.dataset.page === "progress") follow(main, 0);
function follow(shown, failed) {
  setTimeout(async () => {
    let next;
    try {
      const reply = await fetch("/", { cache: "no-store", signal: AbortSignal.timeout(5000) });
      next = new DOMParser().parseFromString(await reply.text(), "text/html").querySelector("main");
    } catch { /* away */ }
    if (!next) {
      if (failed === 3) {
        const note = document.createElement("p");
        note.className = "note warn";
        note.textContent = "The machine does not answer any more. If vainstall has ended, its end is told where it was started.";
        shown.append(note);
      }
      return follow(shown, failed + 1);
    }
    shown.replaceWith(next);
    const log = next.querySelector("pre");
    if (log) log.scrollTop = log.scrollHeight;
    if (next.dataset.page === "progress") return follow(next, 0);
    document.title = next.querySelector("h1").textContent + " · " + document.title.split(" · ").pop();
    // a form has to be set up
    if (next.dataset.page !== "ended") location.reload();
  }, 1000);
}
