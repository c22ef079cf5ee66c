import { useEffect, useState } from "react";

import type { AijobsClient } from "./client.js";
import { type Job, type JobEvent, isFinal } from "./types.js";

/** What a component shows of a job. */
export interface JobState {
  /** As it was when the page opened, and again when it has ended; its outputs are there then. */
  job: Job | null;
  /** The newest event. */
  event: JobEvent | null;
  statusName: string | null;
  /** In percent. */
  progress: number;
  isOver: boolean;
  /** False while the connection is lost; it comes back by itself. */
  isLive: boolean;
  /** What ended the following for good: no such job, no access, no server for minutes. */
  error: Error | null;
}

const NOTHING: JobState = {
  job: null, event: null, statusName: null, progress: 0, isOver: false, isLive: false, error: null,
};

/** Follows a job live as long as the component is shown. `code` is null while there is none yet. */
export function useJob(client: AijobsClient, code: string | null): JobState {
  const [state, setState] = useState<JobState>(NOTHING);
  useEffect(() => {
    setState(NOTHING);
    if (code === null) return;
    const leaving = new AbortController();
    const change = (changed: Partial<JobState>) => {
      if (!leaving.signal.aborted) setState((known) => ({ ...known, ...changed }));
    };
    followed(client, code, leaving.signal, change).catch((error: Error) => change({ error, isLive: false }));
    return () => leaving.abort();
  }, [client, code]);
  return state;
}

async function followed(
  client: AijobsClient, code: string, signal: AbortSignal, change: (changed: Partial<JobState>) => void,
): Promise<void> {
  change(shown(await client.job(code, signal)));
  const events = client.follow(code, {
    signal,
    onLive: () => change({ isLive: true }),
    onLost: () => change({ isLive: false }),
  });
  for await (const event of events) {
    change({ event, statusName: event.job_status_name, progress: event.overall_progress });
  }
  change({ ...shown(await client.job(code, signal)), isLive: false });
}

function shown(job: Job): Partial<JobState> {
  return {
    job,
    statusName: job.job_status_name,
    progress: job.overall_progress,
    isOver: isFinal(job.job_status),
  };
}
