// The reference of the API: a search that filters while one types, and a form that sends a request and shows what comes.
(() => {
  const KEY = "aijobs-docs-key"; // kept for this tab alone
  const MOST_SHOWN = 200_000;

  const search = document.getElementById("docs-search");
  search?.addEventListener("input", () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const group of document.querySelectorAll("[data-group]")) {
      for (const row of group.querySelectorAll("tbody tr")) row.hidden = !words.every((word) => row.dataset.said.includes(word));
      group.hidden = !group.querySelector("tbody tr:not([hidden])");
    }
  });

  const form = document.getElementById("try");
  if (!form) return;
  const key = form.elements.namedItem("key");
  const sent = document.getElementById("try-sent");
  const answer = document.getElementById("try-answer");
  const stop = document.getElementById("try-stop");
  if (key) key.value = sessionStorage.getItem(KEY) ?? "";
  let sending = null;

  const inputs = (place) => [...form.querySelectorAll(`[data-place="${place}"]`)].filter((input) => input.value !== "");

  function address() {
    let path = form.dataset.path;
    for (const input of inputs("path")) path = path.replace(`{${input.dataset.name}}`, encodeURIComponent(input.value));
    const query = new URLSearchParams();
    for (const input of inputs("query")) {
      const values = input.dataset.list === undefined ? [input.value] : input.value.split(",").map((value) => value.trim());
      values.forEach((value) => query.append(input.dataset.name, value));
    }
    return query.size ? `${path}?${query}` : path;
  }

  function request(signal) {
    const headers = new Headers();
    for (const input of inputs("header")) headers.set(input.dataset.name, input.value);
    if (key?.value) headers.set("Authorization", `Bearer ${key.value.trim()}`);
    const text = form.querySelector("[data-body]");
    let body;
    if (text) {
      headers.set("Content-Type", text.dataset.body);
      body = text.value;
    } else if (form.querySelector("[data-part]")) {
      body = new FormData();
      for (const input of form.querySelectorAll("[data-part]")) {
        if (input.type === "file") [...input.files].forEach((file) => body.append(input.dataset.part, file));
        else if (input.value !== "") body.append(input.dataset.part, input.value);
      }
    }
    return fetch(address(), { method: form.dataset.method, headers, body, signal });
  }

  async function show(response) {
    const kind = response.headers.get("Content-Type") ?? "";
    if (!/json|text|csv|javascript/.test(kind)) {
      answer.textContent = response.status === 204 ? "" : form.dataset.binary;
      await response.body?.cancel();
      return;
    }
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (let part = await reader.read(); !part.done && text.length < MOST_SHOWN; part = await reader.read()) {
      text += part.value;
      answer.textContent = text;
    }
    await reader.cancel();
    if (/json$|json;/.test(kind) && text.length < MOST_SHOWN) answer.textContent = JSON.stringify(JSON.parse(text), null, 2);
  }

  form.addEventListener("submit", async (submitted) => {
    submitted.preventDefault();
    sending?.abort();
    const mine = (sending = new AbortController());
    if (key) sessionStorage.setItem(KEY, key.value);
    answer.textContent = "";
    stop.hidden = false;
    sent.textContent = `${form.dataset.method} ${address()}`;
    const began = performance.now();
    try {
      const response = await request(mine.signal);
      sent.textContent = `${response.status} · ${Math.round(performance.now() - began)} ms · ${form.dataset.method} ${address()}`;
      sent.dataset.good = response.ok;
      await show(response);
    } catch (error) {
      if (!mine.signal.aborted) answer.textContent = String(error);
    } finally {
      if (sending === mine) stop.hidden = true;
    }
  });
  stop.addEventListener("click", () => sending?.abort());
})();
