// Fields that name a file take one by drag and drop, from the clipboard, or from the file dialog: it is uploaded at once,
// and the field gets its code. A model's fields are shown as soon as the model is chosen.
(() => {
  const saidOf = (files) => files.querySelector(".said");

  function say(files, text, isBad = false) {
    saidOf(files).textContent = text;
    saidOf(files).classList.toggle("bad", isBad);
  }

  // The row that is free, or a new one; null when there may be no more. A field of one file has one row, which is used again.
  function freeRow(files) {
    const list = files.querySelector("[data-rows]");
    if (!list) return files.querySelector("[data-row]");
    return formRows.rowsOf(list).find((row) => !formRows.inputOf(row).value.trim()) ?? formRows.addRow(list);
  }

  function fill(files, file) {
    const row = freeRow(files);
    if (!row) return say(files, files.dataset.many, true);
    const input = formRows.inputOf(row);
    input.value = file.code;
    const picture = row.querySelector(".small-picture");
    picture.hidden = !file.width;
    if (file.width) picture.src = `/files/${file.code}/thumbnail`;
    say(files, `${files.dataset.uploaded}: ${file.name}${file.width ? ` · ${file.width} × ${file.height}` : ""}`);
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }

  async function upload(files, file) {
    if (!freeRow(files)) return say(files, files.dataset.many, true);
    const form = new FormData();
    form.append("file", file);
    const user = document.getElementById("user_id")?.value.trim();
    if (user) form.append("user_id", user);
    say(files, files.dataset.uploading);
    const answer = await fetch("/api/files", { method: "POST", body: form });
    const told = await answer.json();
    if (answer.ok) fill(files, told);
    else say(files, told.errors?.[0]?.message ?? told.detail, true);
  }

  async function take(files, chosen) {
    const isList = files.querySelector("[data-rows]") !== null;
    for (const file of isList ? [...chosen] : [...chosen].slice(0, 1)) {
      await upload(files, file).catch((failure) => say(files, failure.message, true));
    }
  }

  function prepare(files) {
    const drop = files.querySelector(".drop");
    if (!drop) return;
    const input = drop.querySelector("input[type=file]");
    drop.hidden = false;
    input.addEventListener("change", () => take(files, input.files));
    drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
    drop.addEventListener("dragleave", () => drop.classList.remove("over"));
    drop.addEventListener("drop", (event) => {
      event.preventDefault();
      drop.classList.remove("over");
      take(files, event.dataTransfer.files);
    });
    // A file dialog that is opened again for the same file shall say so again.
    input.addEventListener("click", () => { input.value = ""; });
  }

  // A picture from the clipboard goes to the field that has the focus, else to the first that has room.
  function paste(event) {
    if (!event.clipboardData?.files.length) return;
    const all = [...document.querySelectorAll("[data-files]")].filter((files) => files.querySelector(".drop"));
    const focused = all.find((files) => files.contains(document.activeElement));
    const empty = all.find((files) => ![...files.querySelectorAll("[data-row]")].some((row) => formRows.inputOf(row).value));
    const target = focused ?? empty ?? all.find((files) => files.querySelector("[data-rows]"));
    if (!target) return;
    event.preventDefault();
    take(target, event.clipboardData.files);
  }

  document.querySelectorAll("[data-files]").forEach(prepare);
  document.addEventListener("paste", paste);
  const choose = document.getElementById("choose");
  if (choose) {
    choose.querySelector("button").hidden = true;
    choose.addEventListener("change", () => choose.requestSubmit());
  }
  window.fileFields = { fill, say };
})();
