import type { Package } from '../../../src/database/apt-packages.ts';

// Intel’s own, for its processors alone.
const INTEL = process.arch === 'x64' ? ['libmfx1'] : [];

/** ffmpeg and ffprobe with every library that they are linked with but the C library. */
export const FFMPEG_PACKAGES: readonly Package[] = [
  ...INTEL,
  ...['ffmpeg', 'libaom3', 'libass9', 'libasyncns0', 'libavc1394-0', 'libavcodec59', 'libavdevice59'],
  ...['libavfilter8', 'libavformat59', 'libavutil57', 'libblas3', 'libblkid1', 'libbluray2'],
  ...['libbrotli1', 'libbs2b0', 'libbsd0', 'libbz2-1.0', 'libcaca0', 'libcairo-gobject2', 'libcairo2'],
  ...['libcap2', 'libcdio-cdda2', 'libcdio-paranoia2', 'libcdio19', 'libchromaprint1', 'libcjson1'],
  ...['libcodec2-1.0', 'libcom-err2', 'libdatrie1', 'libdav1d6', 'libdb5.3', 'libdbus-1-3'],
  ...['libdc1394-25', 'libdecor-0-0', 'libdrm2', 'libepoxy0', 'libexpat1', 'libffi8', 'libflac12'],
  ...['libflite1', 'libfontconfig1', 'libfreetype6', 'libfribidi0', 'libgbm1', 'libgcc-s1'],
  ...['libgcrypt20', 'libgdk-pixbuf-2.0-0', 'libgfortran5', 'libgl1', 'libglib2.0-0', 'libglvnd0'],
  ...['libglx0', 'libgme0', 'libgmp10', 'libgnutls30', 'libgomp1', 'libgpg-error0', 'libgraphite2-3'],
  ...['libgsm1', 'libgssapi-krb5-2', 'libharfbuzz0b', 'libhogweed6', 'libhwy1', 'libicu72'],
  ...['libidn2-0', 'libiec61883-0', 'libjack-jackd2-0', 'libjpeg62-turbo', 'libjxl0.7', 'libk5crypto3'],
  ...['libkeyutils1', 'libkrb5-3', 'libkrb5support0', 'liblapack3', 'liblcms2-2', 'liblilv-0-0'],
  ...['liblz4-1', 'liblzma5', 'libmbedcrypto7', 'libmd0', 'libmp3lame0', 'libmpg123-0', 'libmysofa1'],
  ...['libncursesw6', 'libnettle8', 'libnorm1', 'libnuma1', 'libogg0', 'libopenal1', 'libopenjp2-7'],
  ...['libopenmpt0', 'libopus0', 'libp11-kit0', 'libpango-1.0-0', 'libpangocairo-1.0-0'],
  ...['libpangoft2-1.0-0', 'libpcre2-8-0', 'libpgm-5.3-0', 'libpixman-1-0', 'libplacebo208'],
  ...['libpng16-16', 'libpocketsphinx3', 'libpostproc56', 'libpulse0', 'libquadmath0', 'librabbitmq4'],
  ...['librav1e0', 'libraw1394-11', 'librist4', 'librsvg2-2', 'librubberband2', 'libsamplerate0'],
  ...['libsdl2-2.0-0', 'libselinux1', 'libserd-0-0', 'libshine3', 'libslang2', 'libsnappy1v5'],
  ...['libsndfile1', 'libsndio7.0', 'libsodium23', 'libsord-0-0', 'libsoxr0', 'libspeex1'],
  ...['libsphinxbase3', 'libsratom-0-0', 'libsrt1.5-gnutls', 'libssh-gcrypt-4', 'libssl3'],
  ...['libstdc++6', 'libsvtav1enc1', 'libswresample4', 'libswscale6', 'libsystemd0', 'libtasn1-6'],
  ...['libthai0', 'libtheora0', 'libtinfo6', 'libtwolame0', 'libudev1', 'libudfread0', 'libusb-1.0-0'],
  ...['libva-drm2', 'libva-x11-2', 'libva2', 'libvdpau1', 'libvidstab1.1', 'libvorbis0a'],
  ...['libvorbisenc2', 'libvorbisfile3', 'libvpx7', 'libvulkan1', 'libwayland-client0'],
  ...['libwayland-cursor0', 'libwayland-egl1', 'libwayland-server0', 'libwebp7', 'libwebpmux3'],
  ...['libx11-6', 'libx11-xcb1', 'libx264-164', 'libx265-199', 'libxau6', 'libxcb-dri3-0'],
  ...['libxcb-render0', 'libxcb-shape0', 'libxcb-shm0', 'libxcb-xfixes0', 'libxcb1', 'libxcursor1'],
  ...['libxdmcp6', 'libxext6', 'libxfixes3', 'libxi6', 'libxkbcommon0', 'libxml2', 'libxrandr2'],
  ...['libxrender1', 'libxss1', 'libxv1', 'libxvidcore4', 'libzimg2', 'libzmq5', 'libzstd1'],
  ...['libzvbi0', 'ocl-icd-libopencl1', 'zlib1g'],
].map((name) => ({ name, suite: 'bookworm' }));
