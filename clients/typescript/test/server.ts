import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface Received {
  method: string;
  url: string;
  headers: IncomingMessage["headers"];
  body: string;
}

type Answer = (response: ServerResponse, request: Received) => void;

/** A server whose answers are scripted, one for each request; the last one stays. */
export class ScriptedServer {
  readonly received: Received[] = [];
  private readonly server: Server;

  constructor(private readonly answers: Answer[]) {
    this.server = createServer((request, response) => void this.answered(request, response));
  }

  async started(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stopped(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answered(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const body = Buffer.concat(pieces).toString();
    const received = { method: request.method ?? "", url: request.url ?? "", headers: request.headers, body };
    const answer = this.answers[Math.min(this.received.length, this.answers.length - 1)];
    this.received.push(received);
    answer?.(response, received);
  }
}

export function json(status: number, document: unknown, headers: Record<string, string> = {}): Answer {
  return (response) => {
    response.writeHead(status, { "Content-Type": "application/json", ...headers });
    response.end(JSON.stringify(document));
  };
}

/** A stream of these frames that then ends, breaks, or stays open. */
export function stream(frames: string[], then: "ends" | "breaks" | "stays" = "ends"): Answer {
  return (response) => {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.write(frames.join(""));
    if (then === "ends") response.end();
    if (then === "breaks") setTimeout(() => response.destroy(), 50);
  };
}

export function breaks(response: ServerResponse): void {
  response.destroy();
}

export function frame(seq: number, status: [number, string], kind = "status"): string {
  const event = { seq, code: "job_1", kind, job_status: status[0], job_status_name: status[1], overall_progress: seq };
  return `id: ${seq}\nevent: ${kind}\ndata: ${JSON.stringify(event)}\n\n`;
}
