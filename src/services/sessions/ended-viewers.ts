const ended = new WeakSet<object>();

/** Notes that this very viewer has ended, while a request of its is still under way. */
export function markEnded(viewer: object): void {
  ended.add(viewer);
}

/** Whether it was noted of this very viewer that it has ended. */
export const isEnded = (viewer: object): boolean => ended.has(viewer);
