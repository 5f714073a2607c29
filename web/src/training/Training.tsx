export function Training() {
  return <main />;
}
