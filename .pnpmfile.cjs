// The packages that carry a Node binary name their platform as a string, which pnpm ignores;
// as a list it is honoured, so only this platform's binary is installed.
const asList = (value) => (typeof value === 'string' ? [value] : value)

module.exports = {
  hooks: {
    readPackage(manifest) {
      if (!/^node-(linux|win|darwin)-/.test(manifest.name ?? '')) return manifest
      return { ...manifest, os: asList(manifest.os), cpu: asList(manifest.cpu) }
    },
  },
}
