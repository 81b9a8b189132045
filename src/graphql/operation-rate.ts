import {
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { addressKey } from '../services/limits/address-key.ts';
import type { RateLimits } from '../services/limits/rate-limits.ts';
import type { ClientFacts, Viewer } from '../services/viewer.ts';

/** An operation that is about to run, and for whom. */
export interface RatedOperation {
  readonly viewer: Viewer | null;
  readonly client: ClientFacts;
  readonly document: DocumentNode;
  readonly operation: OperationDefinitionNode;
  /** How many files its request brings. */
  readonly fileCount: number;
}

/** Spends one point for a request, before anything of it is read: also for one that is no valid operation. */
export async function spendRequest(
  limits: RateLimits,
  who: Pick<RatedOperation, 'viewer' | 'client'>,
): Promise<void> {
  await limits.spend('api', keyOf(who));
}

/**
 * Spends what an operation counts for beyond its request, however that came: each further field at its root, by
 * whatever alias, and each file.
 */
export async function spendOperation(limits: RateLimits, rated: RatedOperation): Promise<void> {
  const { document, operation, fileCount } = rated;
  const further = rootFields(document, operation) - 1;
  if (further > 0) await limits.spend('api', keyOf(rated), further);
  if (fileCount > 0) await spendFiles(limits, rated, fileCount);
}

/** Spends what files count for that are sent with an operation, or announced by it. */
export async function spendFiles(
  limits: RateLimits,
  who: Pick<RatedOperation, 'viewer' | 'client'>,
  files: number,
): Promise<void> {
  await limits.spend('uploads', keyOf(who), files);
}

/** Spends what an act on many files counts for beyond its field: they share their queries, so that ten are as dear as one. */
export async function spendMany(
  limits: RateLimits,
  who: Pick<RatedOperation, 'viewer' | 'client'>,
  files: number,
): Promise<void> {
  const further = Math.ceil(files / FILES_AT_ONE_POINT) - 1;
  if (further > 0) await limits.spend('api', keyOf(who), further);
}

const FILES_AT_ONE_POINT = 10;

/** How many fields a valid operation has at its root, those of fragments included; each alias is one. */
export function rootFields(document: DocumentNode, operation: OperationDefinitionNode): number {
  const counts = new Map<string, number>();
  const ofSet = ({ selections }: SelectionSetNode): number => {
    let count = 0;
    for (const node of selections) {
      if (node.kind === Kind.FIELD) count += 1;
      else if (node.kind === Kind.INLINE_FRAGMENT) count += ofSet(node.selectionSet);
      else count += ofFragment(node.name.value);
    }
    return count;
  };
  // A fragment is counted once, however often it is spread: spreads of spreads could otherwise take for ever.
  const ofFragment = (name: string): number => {
    const known = counts.get(name);
    if (known !== undefined) return known;
    counts.set(name, 0);
    const definition = document.definitions.find(
      (node) => node.kind === Kind.FRAGMENT_DEFINITION && node.name.value === name,
    );
    const count = definition ? ofSet((definition as FragmentDefinitionNode).selectionSet) : 0;
    counts.set(name, count);
    return count;
  };
  return ofSet(operation.selectionSet);
}

const keyOf = ({ viewer, client }: Pick<RatedOperation, 'viewer' | 'client'>) =>
  viewer ? `account ${viewer.userId.toHexString()}` : `address ${addressKey(client.ip)}`;
