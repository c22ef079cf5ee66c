// Upload a document with its template, then show how its work goes on. Copy it: it needs nothing but a browser.

const bar = document.getElementById("bar");
const said = document.getElementById("said");
const messages = document.getElementById("messages");

document.getElementById("upload-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = new FormData(event.target); // file, templateId; and user_id, with a service's key
  const answer = await fetch("/api/template/upload-template", { method: "POST", body: form });
  const result = await answer.json();
  if (result.code !== 200) {
    said.textContent = result.message ?? result.detail ?? `HTTP ${answer.status}`;
    return;
  }
  said.textContent = result.data.message;
  if (!result.data.completed) follow(result.data.taskId); // a table is read at once: there is nothing to follow
});

document.getElementById("follow-form").addEventListener("submit", (event) => {
  event.preventDefault();
  follow(new FormData(event.target).get("taskId").trim());
});

let stream = null;

function follow(taskId) {
  stream?.close();
  messages.textContent = "";
  stream = new EventSource("/api/progress/track/" + encodeURIComponent(taskId));

  stream.onmessage = (event) => {
    const data = JSON.parse(event.data);
    messages.textContent += event.data + "\n";
    switch (data.type) {
      case "INIT":
        bar.value = data.progress;
        said.textContent = data.message;
        break;
      case "PROGRESS":
        bar.value = data.progress;
        said.textContent = `${data.currentStage}/${data.totalStages} ${data.message}`;
        break;
      case "COMPLETE":
        bar.value = 100;
        said.textContent = data.message;
        stream.close();
        break;
      case "ERROR":
        said.textContent = data.message;
        stream.close();
        break;
    }
  };
  // The browser comes back by itself when the connection is lost; it gives up when it was refused.
  stream.onerror = () => {
    if (stream.readyState === EventSource.CLOSED) said.textContent = `${taskId}: ?`;
  };
}
