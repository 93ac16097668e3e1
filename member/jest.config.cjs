module.exports = {
  testEnvironment: 'jsdom',
  testMatch: ['<rootDir>/tests/**/*.test.cjs'],
  testTimeout: 30_000,
  transform: {},
}
