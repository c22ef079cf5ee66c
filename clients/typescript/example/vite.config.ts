import react from "@vitejs/plugin-react";
import { type Connect, type Plugin, defineConfig } from "vite";

/** What your own backend does: it knows who is signed in, and keeps the key. */
const token: Connect.NextHandleFunction = async (request, response, next) => {
  if (request.method !== "POST" || request.url !== "/token") return next();
  const answer = await fetch(`${process.env.VITE_AIJOBS_URL}/api/tokens`, {
    method: "POST",
    headers: { Authorization: `Bearer ${process.env.AIJOBS_KEY}`, "Content-Type": "application/json" },
    body: JSON.stringify({ user_id: "ada", ttl: 900, scopes: ["jobs:read", "jobs:write", "files:write"] }),
  });
  response.writeHead(answer.status, { "Content-Type": "application/json" });
  response.end(await answer.text());
};

const backend: Plugin = {
  name: "token",
  configureServer: (server) => void server.middlewares.use(token),
  configurePreviewServer: (server) => void server.middlewares.use(token),
};

export default defineConfig({
  plugins: [react(), backend],
  resolve: { dedupe: ["react"] }, // the client is a link to a folder here, which has a React of its own
});
