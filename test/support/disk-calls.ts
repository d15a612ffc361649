// Listens to the calls that decide what a power cut would leave: a file's sync, a rename, a link. The calls themselves
// still happen. Works on every supported Node, since builtin modules can be changed and their imports brought up to date.
import fs, { readlinkSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { basename } from "node:path";
import type { TestContext } from "node:test";

/** The calls so far in order: `sync NAME`, `rename FROM TO`, `link FROM TO`, by the last part of each path. */
export function listenToDisk(t: TestContext): string[] {
  const calls: string[] = [];
  const { fsyncSync, renameSync, linkSync } = fs;
  // As another process's temporary files: names that do not change from run to run.
  const nameOf = (path: fs.PathLike) => basename(String(path)).replace(`.${process.pid}.tmp`, ".tmp");
  t.mock.method(fs, "fsyncSync", (file: number) => {
    calls.push(`sync ${nameOf(readlinkSync(`/proc/self/fd/${file}`))}`);
    fsyncSync(file);
  });
  t.mock.method(fs, "renameSync", (from: fs.PathLike, to: fs.PathLike) => {
    calls.push(`rename ${nameOf(from)} ${nameOf(to)}`);
    renameSync(from, to);
  });
  t.mock.method(fs, "linkSync", (from: fs.PathLike, to: fs.PathLike) => {
    calls.push(`link ${nameOf(from)} ${nameOf(to)}`);
    linkSync(from, to);
  });
  syncBuiltinESMExports();
  t.after(() => {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  });
  return calls;
}

/** Where descriptors can be named as this file does it. */
export const withoutDescriptors = fs.existsSync("/proc/self/fd") ? false : "there is no /proc/self/fd here";
