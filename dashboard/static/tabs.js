// The form and the same call in three languages, one at a time. Without scripts they stand below each other.
(() => {
  const list = document.querySelector("[data-tabs]");
  if (!list) return;
  const place = document.getElementById(list.dataset.tabs);
  const tabs = [...list.querySelectorAll("[role=tab]")];

  function choose(tab, hasFocus = true) {
    tabs.forEach((one) => {
      one.setAttribute("aria-selected", one === tab);
      one.tabIndex = one === tab ? 0 : -1;
    });
    place.dataset.tab = tab.id.slice("tab-".length);
    if (hasFocus) tab.focus();
  }

  const STEPS = { ArrowRight: 1, ArrowLeft: -1 };
  list.addEventListener("click", (event) => {
    const tab = event.target.closest("[role=tab]");
    if (tab) choose(tab);
  });
  list.addEventListener("keydown", (event) => {
    const at = tabs.indexOf(document.activeElement);
    const next = { Home: 0, End: tabs.length - 1 }[event.key] ?? (at + STEPS[event.key] + tabs.length) % tabs.length;
    if (Number.isNaN(next)) return;
    event.preventDefault();
    choose(tabs[next]);
  });

  // What the browser wants filled in is in the form.
  place.addEventListener("invalid", () => { if (place.dataset.tab !== "form") choose(tabs[0], false); }, true);

  function showCopying() {
    place.querySelectorAll("[data-copy]").forEach((button) => { button.hidden = !navigator.clipboard; });
  }
  place.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    const before = button.textContent;
    button.textContent = button.dataset.copied;
    setTimeout(() => { button.textContent = before; }, 2000);
  });
  document.addEventListener("htmx:after:swap", showCopying);

  list.hidden = false;
  choose(tabs[0], false);
  showCopying();
})();
