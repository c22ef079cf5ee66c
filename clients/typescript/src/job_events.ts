import { UnexpectedResponse } from "./errors.js";
import type { Http } from "./http.js";
import { SSE_SILENCE, type StreamOptions, reconnecting, sseFrames } from "./streams.js";
import { type JobEvent, isFinal } from "./types.js";

export interface FollowOptions extends StreamOptions {
  /** Only events with a `seq` above this one. */
  after?: number;
}

/** Every event of one job, once and in order, over broken connections, until its end. */
export function jobEvents(http: Http, code: string, options: FollowOptions = {}): AsyncGenerator<JobEvent> {
  let last = options.after ?? 0;
  let isOver = false;
  const path = `/api/jobs/${encodeURIComponent(code)}/events`;
  async function* connection(signal: AbortSignal, heard: (retry: number | null) => void): AsyncGenerator<JobEvent> {
    const frames = sseFrames(http, path, {}, String(last), signal, (parser) => heard(parser.retry));
    for (;;) {
      const next = await frames.next();
      if (next.done) {
        isOver ||= next.value;
        return;
      }
      const event = eventIn(next.value.data);
      if (event.seq <= last) continue;
      last = event.seq;
      isOver = event.kind === "status" && isFinal(event.job_status);
      yield event;
      if (isOver) return;
    }
  }
  return reconnecting(http, connection, options, SSE_SILENCE, () => isOver);
}

/** The event that a frame carries. Throws `UnexpectedResponse`. */
export function eventIn(data: string): JobEvent {
  try {
    return JSON.parse(data) as JobEvent;
  } catch {
    throw new UnexpectedResponse("The stream carries something that is no event.");
  }
}
