// A list that follows its filters while they are filled in, with its address; times in the visitor's own words and
// zone; buttons that copy. Without this script the form has a button of its own, and times are UTC.
(() => {
  const TYPING = 300;
  const AGAIN_EVERY = 15000;
  const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const language = document.documentElement.lang;
  const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "short" });
  const whole = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "long" });
  const two = (number) => String(number).padStart(2, "0");
  let timer = null;

  const form = () => document.getElementById("filters");

  function address() {
    const query = new URLSearchParams([...new FormData(form())].filter(([, value]) => value));
    return `${new URL(form().action).pathname}${query.size ? `?${query}` : ""}`;
  }

  async function follow() {
    clearTimeout(timer);
    if (!form().checkValidity()) return;
    const target = address();
    history.replaceState(null, "", target);
    mark();
    await htmx.ajax("GET", target, { source: form(), target: "#found", select: "#found", swap: "outerHTML" });
  }

  function mark() {
    const filled = new FormData(form());
    for (const badge of form().querySelectorAll("[data-count]")) {
      const names = badge.dataset.count.split(" ");
      const count = names.flatMap((name) => filled.getAll(name)).filter(Boolean).length;
      badge.textContent = count || "";
    }
    filled.delete("sort");
    document.getElementById("clear").hidden = ![...filled.values()].some(Boolean);
  }

  function since(moment) {
    const seconds = Math.round((moment - Date.now()) / 1000);
    const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? UNITS.at(-1);
    return relative.format(Math.trunc(seconds / length), unit);
  }

  function put(element, name, value) {
    if (element.getAttribute(name) !== value) element.setAttribute(name, value);
  }

  function tell() {
    for (const time of document.querySelectorAll("time.ago")) {
      const moment = new Date(time.dateTime);
      const text = since(moment);
      if (time.textContent !== text) time.textContent = text;
      const day = `${two(moment.getMonth() + 1)}-${two(moment.getDate())}`;
      put(time, "data-local", `${day} ${two(moment.getHours())}:${two(moment.getMinutes())}`);
      const utc = moment.toISOString().slice(0, 19).replace("T", " ");
      put(time, "title", `${utc} UTC\n${whole.format(moment)}`);
    }
    document.querySelectorAll("[data-copy][hidden]").forEach((button) => (button.hidden = !navigator.clipboard));
  }

  document.addEventListener("input", (event) => {
    if (event.target.form?.id !== "filters") return;
    clearTimeout(timer);
    timer = setTimeout(follow, event.target.matches("select, [type=checkbox], [type=date]") ? 0 : TYPING);
  });
  document.addEventListener("submit", (event) => {
    if (event.target.id !== "filters") return;
    event.preventDefault();
    follow();
  });
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.classList.add("copied");
      setTimeout(() => button.classList.remove("copied"), 1500);
    }
    if (!event.target.closest("a, button")) event.target.closest(".cards tbody tr")?.querySelector("a.whole").click();
    for (const open of document.querySelectorAll("details.drop[open]")) {
      if (!open.contains(event.target)) open.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    const open = event.key === "Escape" && document.querySelector("details.drop[open]");
    if (!open) return;
    open.open = false;
    open.querySelector("summary").focus();
  });
  new MutationObserver(tell).observe(document.body, { childList: true, subtree: true, characterData: true });
  setInterval(tell, AGAIN_EVERY);
  tell();
})();
