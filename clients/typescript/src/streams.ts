import { ClientError, Unreachable } from "./errors.js";
import type { Http } from "./http.js";
import { Retrying, sleep } from "./retrying.js";
import { type Frame, type FrameParser, framesOf } from "./sse.js";

/** In milliseconds: a stream of server-sent events says at least every 10 seconds that it is there. */
export const SSE_SILENCE = 45_000;
const RECONNECT_AFTER = 1_000;
const RECONNECT_FOR = 120_000;

export interface StreamOptions {
  signal?: AbortSignal;
  /** Called whenever the connection is lost; it is taken up again by itself. */
  onLost?: (error: ClientError) => void;
  /** Called when the connection stands, the first time too. */
  onLive?: () => void;
}

/** One connection: yields what it hears, returns when it was closed in good order, and throws where it broke. */
export type Connection<T> = (signal: AbortSignal, heard: (retry: number | null) => void) => AsyncGenerator<T>;

/**
 * What one connection after another yields, until `isOver`. One that is silent for so long is cut and taken up again.
 *
 * Throws the error of a connection that is refused for good, or that has not come back for `reconnectFor`.
 */
export async function* reconnecting<T>(
  http: Http,
  connection: Connection<T>,
  options: StreamOptions,
  silence: number,
  isOver: () => boolean,
): AsyncGenerator<T> {
  const retrying = new Retrying(http.options.reconnectFor ?? RECONNECT_FOR);
  let pause = RECONNECT_AFTER;
  while (!isOver()) {
    const closing = new AbortController();
    const stop = () => closing.abort(options.signal?.reason);
    options.signal?.throwIfAborted();
    options.signal?.addEventListener("abort", stop, { once: true });
    const watch = new Silence(closing, silence);
    let isLive = false;
    try {
      yield* connection(closing.signal, (retry) => {
        watch.broken();
        retrying.reset();
        pause = retry ?? RECONNECT_AFTER * (0.5 + Math.random());
        if (!isLive) options.onLive?.();
        isLive = true;
      });
      if (isOver()) return;
      options.onLost?.(new Unreachable("The stream was closed."));
    } catch (failure) {
      options.signal?.throwIfAborted();
      const error = failure instanceof ClientError ? failure : new Unreachable(String(failure), { cause: failure });
      options.onLost?.(error);
      pause = retrying.pauseAfter(error);
    } finally {
      watch.end();
      closing.abort();
      options.signal?.removeEventListener("abort", stop);
    }
    if (!isOver()) await sleep(pause, options.signal);
  }
}

/** The frames of one connection of server-sent events behind an event. Returns whether nothing will follow. */
export async function* sseFrames(
  http: Http,
  path: string,
  query: Record<string, string | number | readonly string[] | undefined>,
  lastEventId: string | null,
  signal: AbortSignal,
  heard: (parser: FrameParser) => void,
): AsyncGenerator<Frame, boolean> {
  const headers: Record<string, string> = { Accept: "text/event-stream" };
  if (lastEventId !== null) headers["Last-Event-ID"] = lastEventId;
  const response = await http.once("GET", path, { query, headers, signal });
  if (response.status === 204 || response.body === null) return true;
  try {
    yield* framesOf(response.body, heard);
  } catch (broken) {
    throw broken instanceof ClientError ? broken : new Unreachable(String(broken), { cause: broken });
  }
  return false;
}

/** Cuts a connection in which nothing is heard. */
class Silence {
  private timer: ReturnType<typeof setTimeout>;

  constructor(private readonly connection: AbortController, private readonly longest: number) {
    this.timer = this.started();
  }

  broken(): void {
    clearTimeout(this.timer);
    this.timer = this.started();
  }

  end(): void {
    clearTimeout(this.timer);
  }

  private started(): ReturnType<typeof setTimeout> {
    return setTimeout(() => this.connection.abort(new Unreachable("Nothing was heard for too long.")), this.longest);
  }
}
