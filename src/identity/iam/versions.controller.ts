import { Controller, Get } from '@nestjs/common';
import { ApiProperty, ApiTags } from '@nestjs/swagger';
import { Public } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { Config } from '../../platform/config/config.js';

class VersionLinkView {
  @ApiProperty({ enum: ['self'] }) rel: 'self';
  @ApiProperty({ format: 'uri' }) href: string;
}

class VersionView {
  @ApiProperty() id: string;
  @ApiProperty({ enum: ['stable'] }) status: 'stable';
  @ApiProperty({ type: [VersionLinkView] }) links: VersionLinkView[];
}

class VersionListView {
  @ApiProperty({ type: [VersionView] }) values: VersionView[];
}

class VersionsView {
  @ApiProperty({ type: VersionListView }) versions: VersionListView;
}

class VersionAnswerView {
  @ApiProperty({ type: VersionView }) version: VersionView;
}

/** The version of the identity API, for clients whose `auth_url` does not end with `/v3` (docs/contracts/apig.md §6.6). */
@ApiTags('Identity')
@Controller()
export class VersionsController {
  readonly #version: VersionView;

  constructor({ publicUrl }: Config) {
    this.#version = { id: 'v3.14', status: 'stable', links: [{ rel: 'self', href: `${publicUrl}/v3/` }] };
  }

  @Get('/')
  @Public()
  @Answers(200, VersionsView, 'KeystoneListVersions', 'List the versions of the identity service')
  list(): VersionsView {
    return { versions: { values: [this.#version] } };
  }

  /** At its own path, Keystone describes one version, not a list. */
  @Get('/v3')
  @Public()
  @Answers(200, VersionAnswerView, 'KeystoneShowVersion', 'Show the version of the identity service')
  show(): VersionAnswerView {
    return { version: this.#version };
  }
}
