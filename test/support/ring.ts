// Process groups for tests: all ranks of a ring in one process, over sockets in a private folder that goes away.

import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, watch } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type ConnectOptions, connectProcessGroup } from "../../src/allreduce/open-group.js";
import type { Message } from "../../src/allreduce/transport/message.js";
import type { ProcessGroup } from "../../src/core/process-group.js";

/** Runs `body` with a new folder that only this user can enter, and removes it. */
export async function withFolder<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "ring-"));
  try {
    return await body(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** One socket in `folder` per rank. */
export function endpointsIn(folder: string, worldSize: number): string[] {
  return Array.from({ length: worldSize }, (_, rank) => `ipc://${join(folder, `${rank}.sock`)}`);
}

/** Endpoints on this machine's loopback with ports that were free a moment ago, all different. */
export async function freeTcpEndpoints(count: number): Promise<string[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports.map((port) => `tcp://127.0.0.1:${port}`);
}

/** Connects `worldSize` ranks, gives them and their endpoints to `body`, and closes them. */
export function withRing(
  worldSize: number,
  body: (groups: ProcessGroup[], endpoints: string[]) => Promise<void>,
  options: Partial<ConnectOptions> | ((rank: number) => Partial<ConnectOptions>) = {},
): Promise<void> {
  return withFolder(async (folder) => {
    const endpoints = endpointsIn(folder, worldSize);
    const groups = await Promise.all(
      endpoints.map((_, rank) =>
        connectProcessGroup({
          rank,
          worldSize,
          endpoints,
          token: "secret",
          timeoutSeconds: 30,
          ...(typeof options === "function" ? options(rank) : options),
        }),
      ),
    );
    try {
      await body(groups, endpoints);
    } finally {
      await Promise.all(groups.map((group) => group.close()));
    }
  });
}

/** A message of the group of all ranks, where not said otherwise to rank 1, empty, and its sender's first. */
export function partOf(
  message: Pick<Message, "sender" | "sequence" | "operation"> & Partial<Message>,
): Message {
  return { kind: "part", receiver: 1, group: "", step: 0, payload: new Uint8Array(0), rest: 0, ...message };
}

/** The errors that all of these reject with; fails when one resolves. */
export async function rejections(promises: readonly Promise<unknown>[]): Promise<Error[]> {
  const outcomes = await Promise.allSettled(promises);
  return outcomes.map((outcome, index) => {
    if (outcome.status === "fulfilled") throw new Error(`promise ${index} resolved`);
    return outcome.reason as Error;
  });
}

/** Resolves when the file is there. */
export async function untilThere(path: string): Promise<void> {
  const stop = new AbortController();
  const changes = watch(dirname(path), { signal: stop.signal });
  if (existsSync(path)) return stop.abort();
  for await (const _ of changes) {
    if (existsSync(path)) return stop.abort();
  }
}

/** Resolves when somebody listens at the socket: a moment after its file is there. */
export async function untilListening(path: string): Promise<void> {
  await untilThere(path);
  (await knock(path, new Uint8Array(0))).destroy();
}

/** Connects, says this, and stays. The file is there a moment before somebody listens: refusals are tried again. */
export async function knock(path: string, bytes: Uint8Array): Promise<Socket> {
  let socket = connect(path);
  for (let inside = false; !inside; ) {
    try {
      await once(socket, "connect");
      inside = true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ECONNREFUSED") throw error;
      socket = connect(path);
    }
  }
  // To be cut off is what these are for.
  socket.on("error", () => {});
  socket.write(bytes);
  return socket;
}
