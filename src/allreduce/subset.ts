// Which ranks a subgroup has, and what it is called. Promises: all ranks that make one mean the same, and its name is
// no other group's of the run.
import { RunError, UsageError } from "../core/errors.js";
import type { Members } from "./transport/collective.js";

/** Longer lists are told by their ends. */
const LISTED_RANKS = 8;

/** @throws UsageError unless these are different ranks of a group of `worldSize`, at least one, in rising order. */
export function checkSubset(ranks: readonly number[], worldSize: number): void {
  const isRising = ranks.every(
    (rank, place) => Number.isInteger(rank) && rank >= 0 && rank < worldSize && !(rank <= ranks[place - 1]),
  );
  if (ranks.length > 0 && isRising) return;
  throw new UsageError(
    `a subgroup needs ranks from 0 to ${worldSize - 1} in rising order, not [${shortList(ranks)}]`,
  );
}

/**
 * The members of the subgroup that the parent's ranks have asked for in `lists`, in its operation `sequence`; null where
 * this rank is none of them.
 * @throws RunError when two ranks have asked for different ones.
 */
export function membersOf(
  parent: Members,
  ranks: readonly number[],
  lists: readonly (readonly number[])[],
  sequence: number,
): Members | null {
  const other = lists.findIndex((list) => list.join() !== ranks.join());
  if (other >= 0) {
    throw new RunError(
      `rank ${parent.ranks[parent.rank]} makes a subgroup of ranks ${shortList(ranks)}, ` +
        `but rank ${parent.ranks[other]} one of ${shortList(lists[other])}`,
    );
  }
  const rank = ranks.indexOf(parent.rank);
  if (rank < 0) return null;
  const { link } = parent;
  return { link, group: `${parent.group}${sequence}.`, ranks: ranks.map((each) => parent.ranks[each]), rank };
}

/** Ranks in words that fit an error message. */
export function shortList(ranks: readonly number[]): string {
  if (ranks.length <= LISTED_RANKS) return ranks.join(",");
  return `${ranks[0]} to ${ranks.at(-1)}, ${ranks.length} of them`;
}
