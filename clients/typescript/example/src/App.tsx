import { AijobsClient } from "aijobs-client";
import { useJob } from "aijobs-client/react";
import { useEffect, useState } from "react";

/** The page knows no key: a token for the signed-in user comes from our own backend (here: vite.config.ts). */
const client = new AijobsClient({
  url: import.meta.env.VITE_AIJOBS_URL,
  token: async () => (await (await fetch("/token", { method: "POST" })).json()).token,
});

export function App() {
  const [code, setCode] = useState<string | null>(null);
  const [sent, setSent] = useState(0);
  const [problem, setProblem] = useState("");

  async function enlarge(photo: File) {
    try {
      setProblem("");
      const file = await client.upload(photo, { onProgress: (part, whole) => setSent(part / whole) });
      const job = await client.submit("replicate_imageupscale_v1", { image: file.code, upscale_factor: 2 });
      setCode(job.code);
    } catch (error) {
      setProblem(String(error));
    }
  }

  return (
    <main>
      <h1>Enlarge a photo</h1>
      <input type="file" accept="image/*" aria-label="Photo" onChange={(e) => e.target.files?.[0] && enlarge(e.target.files[0])} />
      {sent > 0 && !code && <progress aria-label="Upload" value={sent} />}
      {problem && <p role="alert">{problem}</p>}
      {code && <LiveBar code={code} />}
      <AllJobs />
    </main>
  );
}

function LiveBar({ code }: { code: string }) {
  const { job, statusName, progress, isOver, isLive, error } = useJob(client, code);
  return (
    <section aria-label="Job">
      <progress aria-label="Progress" value={progress} max={100} />
      <p role="status">
        {statusName ?? "…"} {progress.toFixed(0)} % {!isOver && !isLive && "(reconnecting …)"}
      </p>
      {(error ?? job?.error) && <p role="alert">{error?.message ?? job?.error?.message}</p>}
      {isOver && job?.outputs.map((output) => <img key={output.index} src={output.url} alt="Result" />)}
      {!isOver && <button onClick={() => client.cancel(code)}>Cancel</button>}
    </section>
  );
}

/** Everything that happens to the user's jobs, over a WebSocket. */
function AllJobs() {
  const [lines, setLines] = useState<string[]>([]);
  useEffect(() => {
    const leaving = new AbortController();
    async function follow() {
      const events = client.followAll({ transport: "websocket", kind: ["status"], signal: leaving.signal });
      for await (const { event } of events) {
        setLines((known) => [`${event.code} ${event.job_status_name}`, ...known].slice(0, 20));
      }
    }
    follow().catch((error) => leaving.signal.aborted || setLines((known) => [String(error), ...known]));
    return () => leaving.abort();
  }, []);
  return <ol aria-label="All jobs">{lines.map((line, place) => <li key={lines.length - place}>{line}</li>)}</ol>;
}
