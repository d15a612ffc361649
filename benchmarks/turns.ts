// A race: contestants run in turns, A B A B, so that a noisy neighbour or a warm processor meets all of them.

/** Runs every contestant once per round, in the order given; resolves to each one's results, a round after another. */
export async function takeTurns<Name extends string, T>(
  contestants: Readonly<Partial<Record<Name, () => Promise<T>>>>,
  rounds: number,
  told: (name: Name, round: number, result: T) => void = () => {},
): Promise<Partial<Record<Name, T[]>>> {
  const results: Partial<Record<Name, T[]>> = {};
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of Object.entries(contestants) as [Name, () => Promise<T>][]) {
      const result = await run();
      told(name, round, result);
      results[name] = [...(results[name] ?? []), result];
    }
  }
  return results;
}
