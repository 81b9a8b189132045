import { AppError } from '../../errors.ts';

const COME_BACK_SECONDS = 5;

/** How many files this process lets come in at once, in all and for each account. */
export class UploadSlots {
  private readonly most: number;
  private readonly mostEach: number;
  private readonly taken = new Map<string, number>();
  private all = 0;

  constructor(most: number, mostEach: number) {
    this.most = most;
    this.mostEach = mostEach;
  }

  /** Takes places for so many files of an account, or none and throws RATE_LIMITED; the result gives them back, once. */
  take(account: string, files: number): () => void {
    const own = this.taken.get(account) ?? 0;
    if (own + files > this.mostEach) {
      throw full(`One account may send ${this.mostEach} files at once.`);
    }
    if (this.all + files > this.most) throw full('Too many files are coming in.');
    this.taken.set(account, own + files);
    this.all += files;
    let isHeld = true;
    return () => {
      if (isHeld) this.release(account, files);
      isHeld = false;
    };
  }

  private release(account: string, files: number): void {
    this.all -= files;
    const left = (this.taken.get(account) ?? 0) - files;
    if (left > 0) this.taken.set(account, left);
    else this.taken.delete(account);
  }
}

const full = (why: string) =>
  new AppError('RATE_LIMITED', `${why} Try again in ${COME_BACK_SECONDS} seconds.`, {
    retryAfter: COME_BACK_SECONDS,
  });
