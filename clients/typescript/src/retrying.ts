import { ApiError, ClientError, Unreachable } from "./errors.js";

const FIRST_PAUSE = 500; // milliseconds, as everything here
const LONGEST_PAUSE = 10_000;
const SHORTEST_PAUSE = 100;
const TRY_LATER: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** Whether the same request may succeed later. */
export function isTransient(error: unknown): error is ClientError {
  if (error instanceof ApiError) return TRY_LATER.has(error.status) || error.code === "idempotency_in_flight";
  return error instanceof Unreachable;
}

/** Retries for at most `retryFor` milliseconds after the first failure in a row. */
export class Retrying {
  private failingSince: number | null = null;
  private tries = 0;

  constructor(private readonly retryFor: number) {}

  /** It worked: the time counts again from the next failure. */
  reset(): void {
    this.failingSince = null;
    this.tries = 0;
  }

  /** Milliseconds until the next attempt. Throws the error when it is not transient, or that would be too late. */
  pauseAfter(error: unknown): number {
    if (!isTransient(error)) throw error;
    const now = Date.now();
    this.failingSince ??= now;
    const growing = Math.min(FIRST_PAUSE * 2 ** Math.min(this.tries, 10), LONGEST_PAUSE) * (0.5 + Math.random() / 2);
    const asked = error instanceof ApiError ? error.retryAfter : null;
    const pause = asked === null ? growing : Math.max(asked, SHORTEST_PAUSE);
    this.tries += 1;
    if (now + pause - this.failingSince > this.retryFor) throw error;
    return pause;
  }
}

/** Resolves after so many milliseconds; rejects with the signal's reason when it is aborted. */
export function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const aborted = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", aborted);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", aborted, { once: true });
  });
}
