"use strict";
{
  const panels = [...document.querySelectorAll(".panel")];
  const cards = [...document.querySelectorAll(".card")];
  const last = Math.max(0, ...panels.map((panel) => Number(panel.dataset.step)));
  let now = last;

  function select(number, focus) {
    now = Math.max(0, Math.min(last, number));
    for (const panel of panels) panel.hidden = Number(panel.dataset.step) !== now;
    for (const card of cards) {
      const chosen = Number(card.dataset.step) === now;
      if (chosen) card.setAttribute("aria-current", "step");
      else card.removeAttribute("aria-current");
      if (chosen && focus) {
        card.focus({ preventScroll: true });
        card.scrollIntoView({ block: "nearest" });
      }
    }
    for (const output of document.querySelectorAll("[data-now]")) output.textContent = now;
    for (const button of document.querySelectorAll("[data-go]")) {
      button.disabled = now === (["first", "back"].includes(button.dataset.go) ? 0 : last);
    }
  }

  function say() {
    const heads = panels.filter((panel) => !panel.hidden).map((panel) => panel.querySelector("h3").innerText);
    document.getElementById("live").textContent = `Step ${now} of ${last}: ${heads.join("; ")}`;
  }

  const moves = { first: () => 0, back: () => now - 1, on: () => now + 1, last: () => last };
  const keys = { ArrowLeft: "back", ArrowRight: "on", k: "back", j: "on", Home: "first", End: "last" };

  document.addEventListener("click", (event) => {
    const card = event.target.closest(".card");
    const button = event.target.closest("[data-go]");
    if (!card && !button) return;
    select(card ? Number(card.dataset.step) : moves[button.dataset.go](), false);
    say();
  });
  document.addEventListener("keydown", (event) => {
    if (!(event.key in keys) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    select(moves[keys[event.key]](), true);
    say();
  });
  select(last, false);
}
