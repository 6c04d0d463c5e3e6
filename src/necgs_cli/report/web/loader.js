// Unpacks the modules that this page carries, gives them names, and starts the report.
(async () => {
  const status = document.getElementById("status");
  try {
    const bytesOf = (id) => Uint8Array.from(atob(document.getElementById(id).textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([bytesOf("modules")]).stream().pipeThrough(new DecompressionStream("deflate"));
    const modules = JSON.parse(await new Response(stream).text());
    const imports = {};
    for (const [name, text] of Object.entries(modules))
      imports[name] = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    const map = document.createElement("script");
    map.type = "importmap";
    map.textContent = JSON.stringify({ imports });
    document.head.append(map);
    const { showReport } = await import("necgs/report");
    showReport(document.getElementById("main"), JSON.parse(document.getElementById("data").textContent), bytesOf);
  } catch (error) {
    status.textContent = `This report needs a browser of 2023 or later (${error.message}).`;
    throw error;
  }
})();
