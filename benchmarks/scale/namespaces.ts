// Hosts of our own on this machine: network namespaces, one a rank, with a link each to a bridge in a namespace of its
// own. Promises: nothing of the machine's own network is touched, and all is removed at the end, also on a signal.
import { spawnSync } from "node:child_process";

export interface Hosts {
  /** By rank. */
  readonly addresses: readonly string[];
  /** The command line that runs a program on a rank's host. */
  run(rank: number, command: readonly string[]): readonly string[];
  /** Limits every host's sending to so many Mbit/s; null lifts the limit. */
  shape(mbits: number | null): void;
  remove(): void;
}

const PREFIX = `ddps${process.pid}`;

/** Makes `count` hosts; a reason in words where this machine cannot. */
export function openHosts(count: number): Hosts | string {
  if (process.getuid?.() !== 0) return "network namespaces want root";
  const names = Array.from({ length: count }, (_, rank) => `${PREFIX}-${rank}`);
  const bridge = `${PREFIX}-b`;
  const remove = () => {
    for (const name of [...names, bridge]) spawnSync("ip", ["netns", "del", name]);
    process.removeListener("exit", remove);
  };
  process.once("exit", remove);
  const addresses = names.map((_, rank) => `10.83.0.${rank + 1}`);
  try {
    ip(`netns add ${bridge}`);
    ip(`-n ${bridge} link add br0 type bridge`);
    ip(`-n ${bridge} link set br0 up`);
    for (const [rank, name] of names.entries()) {
      ip(`netns add ${name}`);
      ip(`-n ${bridge} link add p${rank} type veth peer name eth0 netns ${name}`);
      ip(`-n ${bridge} link set p${rank} master br0 up`);
      ip(`-n ${name} addr add ${addresses[rank]}/24 dev eth0`);
      ip(`-n ${name} link set eth0 up`);
      ip(`-n ${name} link set lo up`);
    }
  } catch (error) {
    remove();
    return (error as Error).message;
  }
  const shape = (mbits: number | null) => {
    for (const name of names) {
      const inside = ["netns", "exec", name, "tc", "qdisc"];
      spawnSync("ip", [...inside, "del", "dev", "eth0", "root"]);
      // 1 ms at full rate may go at once: less, and the kernel's clock is the limit.
      const burst = mbits === null ? 0 : Math.max(16_000, mbits * 125);
      if (mbits !== null)
        ip(
          `netns exec ${name} tc qdisc add dev eth0 root tbf rate ${mbits}mbit burst ${burst} latency 100ms`,
        );
    }
  };
  return {
    addresses,
    shape,
    remove,
    run: (rank, command) => ["ip", "netns", "exec", names[rank], ...command],
  };
}

function ip(args: string): void {
  const { status, stderr, error } = spawnSync("ip", args.split(" "), { encoding: "utf8" });
  if (status !== 0) throw new Error(`ip ${args}: ${error?.message ?? stderr.trim()}`);
}
