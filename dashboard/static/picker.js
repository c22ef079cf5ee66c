// An earlier upload, or the picture that came of an earlier job, for a field that names a file.
(() => {
  const picker = document.getElementById("picker");
  if (!picker?.showModal) return;
  const content = picker.querySelector("[data-content]");
  const status = picker.querySelector("[role=status]");
  const user = () => document.getElementById("user_id")?.value.trim() ?? "";
  let files = null; // the field that is asked for

  async function open(button) {
    files = button.closest("[data-files]");
    content.replaceChildren();
    status.textContent = picker.dataset.loading;
    picker.showModal();
    const query = new URLSearchParams({ media: files.dataset.media, user: user() });
    const answer = await fetch(`/new/files?${query}`);
    const isPiece = answer.ok && !answer.redirected; // to the login page
    if (isPiece) content.innerHTML = await answer.text(); // ours, in which everything is escaped
    status.textContent = isPiece ? "" : picker.dataset.refused;
  }

  function take(file) {
    fileFields.fill(files, file);
    picker.close();
  }

  async function takeOutput({ job, index }) {
    status.textContent = files.dataset.uploading;
    const form = new FormData();
    Object.entries({ job, index, user_id: user() }).forEach(([name, value]) => form.append(name, value));
    const answer = await fetch("/new/files", { method: "POST", body: form });
    status.textContent = answer.ok ? "" : picker.dataset.refused;
    if (answer.ok) take(await answer.json());
  }

  document.addEventListener("click", (event) => {
    const pick = event.target.closest("[data-pick]");
    if (pick) open(pick).catch((failure) => { status.textContent = failure.message; });
  });
  picker.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (event.target === picker || button?.hasAttribute("data-close")) picker.close();
    else if (button?.dataset.code) take({ ...button.dataset, width: Number(button.dataset.width) });
    else if (button?.dataset.job) takeOutput(button.dataset).catch((failure) => { status.textContent = failure.message; });
  });
  document.querySelectorAll("[data-pick]").forEach((button) => { button.hidden = false; });
})();
