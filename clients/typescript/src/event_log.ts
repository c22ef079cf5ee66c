import { ApiError, Unreachable, UnexpectedResponse } from "./errors.js";
import type { Http } from "./http.js";
import { eventIn } from "./job_events.js";
import { SSE_SILENCE, type StreamOptions, reconnecting, sseFrames } from "./streams.js";
import type { JobEvent, Ticket } from "./types.js";

/** In milliseconds: a page does not see the pings of a WebSocket, so one that is quiet for long may be dead. */
const QUIET_SOCKET = 300_000;

/** An event of any of the caller's jobs, with its place in the log of all of them. */
export interface LogEntry {
  id: string;
  event: JobEvent;
}

export interface FollowAllOptions extends StreamOptions {
  /** Only events behind this `id`; "0" is from the start. Without it, from now on. */
  after?: string;
  code?: readonly string[];
  model_id?: readonly string[];
  job_status?: readonly string[];
  kind?: readonly string[];
  /** Server-sent events need nothing; a WebSocket spares browsers one of their six connections to a host. */
  transport?: "sse" | "websocket";
}

/** A close code of the WebSocket, by RFC 6455: what was asked for is refused. */
const REFUSED = 1008;
const COME_BACK: ReadonlySet<number> = new Set([1001, 1013, 4401]);

/** The events of all the caller's jobs, each once and in order, over broken connections, until `signal` is aborted. */
export function allEvents(http: Http, options: FollowAllOptions = {}): AsyncGenerator<LogEntry> {
  const { code, model_id, job_status, kind } = options;
  const place = { last: options.after ?? null, filters: defined({ code, model_id, job_status, kind }) };
  const [connection, silence] = options.transport === "websocket" ? [overWebSocket, QUIET_SOCKET] : [overSse, SSE_SILENCE];
  return reconnecting(http, (signal, heard) => connection(http, place, signal, heard), options, silence, () => false);
}

/** Where a reader is in the log, and what it reads of it. */
interface Place {
  last: string | null;
  filters: Filters;
}

type Filters = Record<string, readonly string[]>;
type Heard = (retry: number | null) => void;

async function* overSse(http: Http, place: Place, signal: AbortSignal, heard: Heard): AsyncGenerator<LogEntry> {
  const frames = sseFrames(http, "/api/events", place.filters, place.last, signal, (parser) => {
    place.last ??= parser.id || null; // the first frame says where the stream begins
    heard(parser.retry);
  });
  for await (const frame of frames) {
    place.last = frame.id;
    yield { id: frame.id, event: eventIn(frame.data) };
  }
}

async function* overWebSocket(http: Http, place: Place, signal: AbortSignal, heard: Heard): AsyncGenerator<LogEntry> {
  const Socket = http.options.WebSocket ?? globalThis.WebSocket;
  if (Socket === undefined) throw new TypeError("There is no WebSocket here: give one in the client's options.");
  place.last ??= await end(http, signal);
  const { ticket } = await http.json<Ticket>("POST", "/api/tickets", { body: {}, isSafe: true, signal });
  const address = http.address("/api/ws", { ...place.filters, after: place.last, ticket }).replace(/^http/, "ws");
  for await (const text of messagesOf(new Socket(address), signal, () => heard(null))) {
    const { id, event } = messageIn(text);
    place.last = String(id);
    yield { id: place.last, event };
  }
}

function messageIn(text: string): { id: number; event: JobEvent } {
  try {
    return JSON.parse(text) as { id: number; event: JobEvent };
  } catch {
    throw new UnexpectedResponse("The WebSocket carries something that is no event.");
  }
}

/** Where the log ends now: the first frame of a stream says so. A WebSocket does not. */
async function end(http: Http, signal: AbortSignal): Promise<string> {
  let id = "";
  const closing = new AbortController();
  const cut = AbortSignal.any([signal, closing.signal]);
  const frames = sseFrames(http, "/api/events", {}, null, cut, (parser) => {
    id = parser.id;
    if (id) closing.abort();
  });
  try {
    for await (const _ of frames) if (id) break;
  } catch (failure) {
    if (!id) throw failure;
  }
  if (!id) throw new Unreachable("The stream ended before it began.");
  return id;
}

/** The messages of a WebSocket until it is closed in good order. Throws `Unreachable`, or `ApiError` where it is refused. */
async function* messagesOf(socket: WebSocket, signal: AbortSignal, heard: () => void): AsyncGenerator<string> {
  const waiting: string[] = [];
  let failure: Error | null = null;
  let isOpen = true;
  let wake = () => undefined as void;
  const end = (error: Error | null) => {
    failure ??= error;
    isOpen = false;
    wake();
  };
  socket.onopen = heard;
  socket.onmessage = (message) => {
    waiting.push(String(message.data));
    heard();
    wake();
  };
  socket.onclose = ({ code, reason }) => end(closed(code, reason));
  const stop = () => end(signal.reason instanceof Error ? signal.reason : new Unreachable("The stream was cut."));
  signal.addEventListener("abort", stop, { once: true });
  try {
    while (isOpen || waiting.length > 0) {
      const text = waiting.shift();
      if (text !== undefined) yield text;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
    if (failure) throw failure;
  } finally {
    signal.removeEventListener("abort", stop);
    socket.close();
  }
}

/** The error of a close code; none where the server only asks to come back, with a new ticket. */
function closed(code: number, reason: string): Error | null {
  if (code === REFUSED) return new ApiError(422, "invalid_request", reason);
  return COME_BACK.has(code) ? null : new Unreachable(`The WebSocket was closed (${code}). ${reason}`.trim());
}

function defined(filters: Record<string, readonly string[] | undefined>): Filters {
  return Object.fromEntries(Object.entries(filters).filter(([, value]) => value !== undefined)) as Filters;
}
