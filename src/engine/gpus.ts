// Which NVIDIA GPUs this process may use, told without loading any GPU library.
import { execFileSync } from "node:child_process";

/** Number of visible NVIDIA GPUs: what the driver lists, narrowed by CUDA_VISIBLE_DEVICES. */
export function countGpus(env: NodeJS.ProcessEnv = process.env): number {
  const installed = listGpus();
  const visible = env.CUDA_VISIBLE_DEVICES;
  if (visible === undefined || visible === "NoDevFiles") return visible === undefined ? installed : 0;
  // CUDA stops reading the list at the first entry that it does not know.
  let count = 0;
  for (const entry of visible.split(",").map((part) => part.trim())) {
    const valid = /^\d+$/.test(entry) ? Number(entry) < installed : /^(GPU|MIG)-/.test(entry);
    if (!valid) break;
    count++;
  }
  return count;
}

/** Number of GPUs that `nvidia-smi` lists; 0 where there is no driver. */
function listGpus(): number {
  try {
    const listing = execFileSync("nvidia-smi", ["-L"], {
      encoding: "utf8",
      timeout: 20_000,
      stdio: ["ignore", "pipe", "ignore"],
    });
    return listing.split("\n").filter((line) => line.startsWith("GPU ")).length;
  } catch {
    return 0;
  }
}
