import { render } from "preact";
import { chooseBackend } from "./backend/choose";
import { asProblem } from "./backend/problem";
import { follow } from "./follow";
import { App } from "./shell/App";
import { problem, start } from "./state";
import "./styles/index.css";

render(<App />, document.getElementById("app")!);
follow();
chooseBackend()
  .then(start)
  .catch((thrown: unknown) => {
    problem.value = asProblem(thrown);
  });
