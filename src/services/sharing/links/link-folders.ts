import { AppError } from '../../../errors.ts';
import type { Collections } from '../../../models/collections.ts';
import { LISTED, listIndex, type StoredFile } from '../../../models/file.ts';
import type { Folder } from '../../../models/folder.ts';
import { ShareKind } from '../../../models/grant.ts';
import { type ObjectId, parseId } from '../../../models/object-id.ts';
import type { ShareLink } from '../../../models/share-link.ts';
import type { FolderTree } from '../../folders/folder-tree.ts';
import { type ForwardPage, type ForwardRequest, pageSize } from '../../forward-page.ts';
import type { SignedCursors } from '../../signed-cursors.ts';
import { withId } from '../../with-id.ts';
import type { EnteredLink } from './link-access.ts';

/** Something in a folder that a link leads to. */
export type LinkEntry =
  | { readonly kind: ShareKind.FOLDER; readonly thing: Folder }
  | { readonly kind: ShareKind.FILE; readonly thing: StoredFile };

/** A folder as the visitor of a link sees it. */
export interface LinkFolder {
  readonly folder: Folder;
  /** From the folder that the link leads to, to this one. */
  readonly path: readonly Folder[];
  /** Its folders, then its files, each by name. */
  readonly page: ForwardPage<LinkEntry>;
}

type Place = readonly [kind: string, name: string, id: ObjectId];

const LIST = 'sharedFolder';

/** Shows what lies in the folders that links lead to. */
export class LinkFolders {
  private readonly collections: Pick<Collections, 'files' | 'folders'>;
  private readonly tree: Pick<FolderTree, 'above'>;
  private readonly cursors: SignedCursors;

  constructor(
    collections: Pick<Collections, 'files' | 'folders'>,
    tree: Pick<FolderTree, 'above'>,
    cursors: SignedCursors,
  ) {
    this.collections = collections;
    this.tree = tree;
    this.cursors = cursors;
  }

  /** One page of the link’s folder or of one below it; NOT_FOUND for every other, and for links to files. */
  async open(
    entered: EnteredLink,
    folderId: string | null | undefined,
    request: ForwardRequest,
  ): Promise<LinkFolder> {
    const { folder, path } = await this.find(entered, folderId);
    return { folder, path, page: await this.page(folder, request) };
  }

  /** The link’s folder or one below it, with the way to it; NOT_FOUND as with `open`. */
  async find({ link, target }: EnteredLink, folderId?: string | null): Promise<Omit<LinkFolder, 'page'>> {
    if (target.kind !== ShareKind.FOLDER) throw noFolder();
    const id = folderId ? parseId(folderId) : target.thing._id;
    const path = id && (await this.pathTo(link, id));
    const folder = path?.at(-1);
    if (!path || !folder) throw noFolder();
    return { folder, path };
  }

  /** The live folders from the link’s to this one; null where it does not lie below. */
  private async pathTo(link: ShareLink, id: ObjectId): Promise<Folder[] | null> {
    const above = await this.tree.above(link.userId, id);
    const depth = above.findIndex((each) => each.equals(link.target));
    if (depth < 0) return null;
    const ids = above.slice(0, depth + 1).reverse();
    const found = await this.collections.folders.find({ _id: { $in: ids }, isDeleted: false }).lean();
    const byId = new Map(found.map((folder) => [folder._id.toHexString(), withId(folder)]));
    const path = ids.flatMap((each) => byId.get(each.toHexString()) ?? []);
    return path.length === ids.length ? path : null;
  }

  private async page(folder: Folder, request: ForwardRequest): Promise<ForwardPage<LinkEntry>> {
    const size = pageSize(request.first);
    const place = this.placeOf(folder, request.after);
    const limit = size + 1;
    const folders = place?.[0] === ShareKind.FILE ? [] : await this.foldersIn(folder, place, limit);
    const after = place?.[0] === ShareKind.FILE ? place : null;
    const left = limit - folders.length;
    const files = left > 0 ? await this.filesIn(folder, after, left) : [];
    const entries: LinkEntry[] = [
      ...folders.map((thing) => ({ kind: ShareKind.FOLDER as const, thing: withId(thing) })),
      ...files.map((thing) => ({ kind: ShareKind.FILE as const, thing: withId(thing) })),
    ];
    return {
      nodes: entries.slice(0, size),
      hasNextPage: entries.length > size,
      hasPreviousPage: place !== null,
      cursor: (entry) => this.cursors.encode(listOf(folder), cursorOf(entry)),
    };
  }

  private foldersIn({ _id, userId }: Folder, place: Place | null, limit: number): Promise<Folder[]> {
    const beyond = place ? { nameKey: { $gt: place[1] } } : {};
    return this.collections.folders
      .find({ userId, parent: _id, isDeleted: false, ...beyond })
      .hint('sibling_names')
      .sort({ nameKey: 1 })
      .limit(limit)
      .lean();
  }

  private filesIn({ _id, userId }: Folder, place: Place | null, limit: number): Promise<StoredFile[]> {
    const [, name, id] = place ?? [];
    const beyond = place
      ? { sortName: { $gte: name }, $or: [{ sortName: { $gt: name } }, { sortName: name, _id: { $gt: id } }] }
      : {};
    const shown = { 'access.canView': true, expiryDate: { $not: { $lte: new Date() } } };
    return this.collections.files
      .find({ userId, folder: _id, isDeleted: false, ...LISTED, ...shown, ...beyond } as never)
      .hint(listIndex('folder', 'sortName'))
      .sort({ sortName: 1, _id: 1 })
      .limit(limit)
      .lean() as unknown as Promise<StoredFile[]>;
  }

  private placeOf(folder: Folder, after: string | null | undefined): Place | null {
    const place = this.cursors.decode(listOf(folder), after);
    if (!place) return null;
    const [kind = '', name = '', id] = place;
    return [kind, name, parseId(id) as ObjectId];
  }
}

const listOf = ({ _id }: Folder) => `${LIST} ${_id.toHexString()}`;

const cursorOf = ({ kind, thing }: LinkEntry): readonly string[] => [
  kind,
  kind === ShareKind.FILE ? thing.sortName : thing.nameKey,
  thing._id.toHexString(),
];

const noFolder = () => new AppError('NOT_FOUND', 'There is no such folder.');
