# One door for each way in which Varnish stands before a hub. A door that is not named here does what Varnish does by itself.
vcl 4.1;
import std;

backend hub {
  .host = "127.0.0.1";
  .port = "{{hub1}}";
}

sub vcl_recv {
  set req.http.X-Door = local.socket;
  if (req.http.X-Door == "upgrade" && req.http.Upgrade) {
    return (pipe);
  }
  # Keeps answers whatever they say, of POST too, by the URL alone.
  if (req.http.X-Door == "greedy" && req.url ~ "/poll") {
    std.cache_req_body(64KB);
    set req.http.X-Method = req.method;
    return (hash);
  }
}

# What a tunnel needs, and Varnish would leave out.
sub vcl_pipe {
  if (req.http.Upgrade) {
    set bereq.http.Upgrade = req.http.Upgrade;
    set bereq.http.Connection = req.http.Connection;
  }
}

sub vcl_backend_fetch {
  if (bereq.http.X-Method) {
    set bereq.method = bereq.http.X-Method;
    return (fetch);
  }
}

sub vcl_backend_response {
  if (bereq.http.X-Method) {
    set beresp.ttl = 1h;
    return (deliver);
  }
  if (bereq.http.X-Door == "whole_answer") {
    set beresp.do_stream = false;
  }
}

# How often this answer was given before.
sub vcl_deliver {
  set resp.http.X-Hits = obj.hits;
}
