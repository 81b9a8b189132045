import { ArgsType, Field, ID, InputType, Int } from 'type-graphql';
import { NameCollision } from '../../models/name-collision.ts';
import { CleanName } from '../files/file-inputs.ts';

const ROOT = 'null or "root" is the root';

/** A folder to make. */
@InputType({ description: 'A folder to make.' })
export class CreateFolderInput {
  @Field(() => String, { description: 'Its name, 1–255 characters without path separators.' })
  @CleanName()
  name!: string;

  @Field(() => ID, { nullable: true, description: `The folder to make it in; ${ROOT}.` })
  parentId?: string | null;

  @Field(() => NameCollision, {
    nullable: true,
    defaultValue: NameCollision.FAIL,
    description: 'What to do where a folder there has the name.',
  })
  onCollision?: NameCollision | null;
}

/** A new name for a folder. */
@ArgsType()
export class RenameFolderArgs {
  @Field(() => ID, { description: 'The folder’s id.' })
  id!: string;

  @Field(() => String, { description: 'Its new name, 1–255 characters without path separators.' })
  @CleanName()
  name!: string;

  @Field(() => NameCollision, {
    nullable: true,
    defaultValue: NameCollision.FAIL,
    description: 'What to do where a folder beside it has the name.',
  })
  onCollision?: NameCollision | null;
}

/** Another place for a folder. */
@ArgsType()
export class MoveFolderArgs {
  @Field(() => ID, { description: 'The folder’s id.' })
  id!: string;

  @Field(() => ID, { nullable: true, description: `The folder to move it into; ${ROOT}.` })
  parentId?: string | null;

  @Field(() => NameCollision, {
    nullable: true,
    defaultValue: NameCollision.FAIL,
    description: 'What to do where a folder there has its name.',
  })
  onCollision?: NameCollision | null;
}

/** Another place for files. */
@ArgsType()
export class MoveFilesArgs {
  @Field(() => [ID], { description: 'The files, 1–1,000, each once.' })
  ids!: string[];

  @Field(() => ID, { nullable: true, description: `The folder to move them into; ${ROOT}.` })
  folderId?: string | null;

  @Field(() => NameCollision, {
    nullable: true,
    defaultValue: NameCollision.RENAME,
    description: 'What to do where a file there has the name of one of them.',
  })
  onCollision?: NameCollision | null;
}

/** Paging through the folders in a folder. */
@ArgsType()
export class ChildFoldersArgs {
  @Field(() => Int, { nullable: true, description: 'How many folders, 1–100; default 25.' })
  first?: number | null;

  @Field(() => String, { nullable: true, description: 'The cursor after which the page begins.' })
  after?: string | null;
}

/** Paging through folders. */
@ArgsType()
export class FoldersArgs extends ChildFoldersArgs {
  @Field(() => ID, { nullable: true, description: `The folder whose folders to list; ${ROOT}.` })
  parentId?: string | null;

  @Field(() => Boolean, {
    nullable: true,
    defaultValue: false,
    description: 'True lists the trash: of the root everything that was deleted, the newest first.',
  })
  isDeleted?: boolean | null;
}
