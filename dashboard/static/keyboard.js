// Single keys: "/" goes to the search, "j" and "k" move through the rows, whose links Enter opens, and "?" says so.
// Not while somebody types, nor with a modifier. The dialog switches them off (WCAG 2.1.4); Escape closes it.
(() => {
  const OFF = "aijobs-keys-off";
  const SEARCH_NEXT = "aijobs-search-next";
  const dialog = document.getElementById("keyboard");
  const choice = document.getElementById("keyboard-on");

  const isOn = () => localStorage.getItem(OFF) === null;
  const rows = () => [...document.querySelectorAll("main tbody tr")].map((row) => row.querySelector("a[href]")).filter((link) => link?.checkVisibility());
  const search = () => document.querySelector("main input[type=search]");
  const isTyping = (element) => element.isContentEditable || element.closest("input:not([type=checkbox], [type=radio]), textarea, select") !== null;

  function move(step) {
    const links = rows();
    if (!links.length) return false;
    const row = document.activeElement.closest("tr");
    const here = links.findIndex((link) => link.closest("tr") === row);
    const next = here < 0 ? (step > 0 ? 0 : links.length - 1) : Math.min(Math.max(here + step, 0), links.length - 1);
    links[next].focus();
    links[next].scrollIntoView({ block: "nearest" });
    return true;
  }

  function find() {
    if (search()) {
      search().focus();
      search().select();
    } else {
      sessionStorage.setItem(SEARCH_NEXT, "1");
      location.assign("/jobs");
    }
    return true;
  }

  function help() {
    choice.checked = isOn();
    dialog.showModal();
    return true;
  }

  const ACTIONS = { "/": find, j: () => move(1), k: () => move(-1), "?": help };

  document.addEventListener("keydown", (pressed) => {
    if (pressed.defaultPrevented || pressed.isComposing || pressed.ctrlKey || pressed.metaKey || pressed.altKey) return;
    if (pressed.key === "Escape" && pressed.target === search()) search().blur();
    if (!isOn() || dialog.open || !Object.hasOwn(ACTIONS, pressed.key) || isTyping(pressed.target)) return;
    if (ACTIONS[pressed.key]()) pressed.preventDefault();
  });

  choice.addEventListener("change", () => (choice.checked ? localStorage.removeItem(OFF) : localStorage.setItem(OFF, "1")));
  document.getElementById("keyboard-help").addEventListener("click", help);
  if (sessionStorage.getItem(SEARCH_NEXT) && search()) search().focus();
  sessionStorage.removeItem(SEARCH_NEXT);
})();
