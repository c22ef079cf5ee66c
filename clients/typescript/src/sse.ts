/** One frame of a stream of server-sent events. */
export interface Frame {
  id: string;
  event: string;
  data: string;
}

/** Reads server-sent events (WHATWG HTML, section 9.2) from text that comes in pieces. */
export class FrameParser {
  /** When to come back, in milliseconds, as the server last said. */
  retry: number | null = null;
  /** The last id that was read; a frame without data has one too. */
  id = "";
  private rest = "";
  private event = "";
  private data: string[] = [];

  /** The frames that this piece completes. */
  feed(piece: string): Frame[] {
    const frames: Frame[] = [];
    const lines = (this.rest + piece).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line !== "") this.field(line);
      else if (this.data.length > 0) frames.push(this.frame());
    }
    return frames;
  }

  private field(line: string): void {
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") this.data.push(value);
    else if (name === "event") this.event = value;
    else if (name === "id" && !value.includes("\0")) this.id = value;
    else if (name === "retry" && /^\d+$/.test(value)) this.retry = Number(value);
  }

  private frame(): Frame {
    const frame = { id: this.id, event: this.event || "message", data: this.data.join("\n") };
    this.event = "";
    this.data = [];
    return frame;
  }
}

/** The frames of a response, until it ends; `onPiece` is called for every piece, those without a frame too. */
export async function* framesOf(
  body: ReadableStream<Uint8Array>,
  onPiece: (parser: FrameParser) => void,
): AsyncGenerator<Frame> {
  const parser = new FrameParser();
  const reader = body.getReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const frames = parser.feed(decoder.decode(value, { stream: true }));
      onPiece(parser);
      yield* frames;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
