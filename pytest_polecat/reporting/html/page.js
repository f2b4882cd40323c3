"use strict";
// Filters for the list of questions. Their state is in the address (`#?outcome=missed&text=json`), so that a filtered
// view can be linked; any other fragment is an attempt's anchor. Without this script everything is visible.
(() => {
  const form = document.getElementById("filters");
  const shown = document.getElementById("shown");
  const entries = Array.from(document.querySelectorAll("details.entry"));
  const texts = new Map();

  const textOf = (entry) => {
    if (!texts.has(entry)) texts.set(entry, entry.textContent.toLowerCase());
    return texts.get(entry);
  };

  const wanted = () => {
    const state = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (value) state.append(name, value);
    return state;
  };

  const apply = () => {
    const state = wanted();
    const outcomes = state.getAll("outcome");
    const { suite, mode, text } = Object.fromEntries(state);
    const words = (text || "").toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const entry of entries) {
      const data = entry.dataset;
      const fits =
        (!outcomes.length || outcomes.includes(data.outcome)) &&
        (!suite || data.suite === suite) &&
        (!mode || data.mode === mode) &&
        words.every((word) => textOf(entry).includes(word));
      entry.hidden = !fits;
      count += fits;
    }
    shown.textContent = `${count} of ${entries.length} shown`;
    return state;
  };

  const remember = () => {
    const state = String(apply());
    history.replaceState(null, "", state ? `#?${state}` : location.pathname + location.search);
  };

  const follow = () => {
    const fragment = location.hash.slice(1);
    if (fragment.startsWith("?")) {
      const state = new URLSearchParams(fragment.slice(1));
      for (const control of form.elements) {
        if (control.type === "checkbox") control.checked = state.getAll(control.name).includes(control.value);
        else if (control.name) control.value = state.get(control.name) || "";
      }
      apply();
      document.getElementById("questions").scrollIntoView();
      return;
    }
    const entry = document.getElementById(fragment);
    if (entry && entry.matches("details.entry")) {
      entry.hidden = false;
      entry.open = true;
      entry.scrollIntoView();
    }
  };

  let waiting = 0;
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(remember, 120);
  });
  form.addEventListener("reset", () => setTimeout(remember));
  form.addEventListener("submit", (event) => event.preventDefault());
  addEventListener("hashchange", follow);
  form.hidden = false;
  apply();
  if (location.hash) follow();
})();
