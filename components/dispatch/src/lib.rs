adapter::serve!(handle); async fn handle(_r: adapter::http::IncomingRequest, _o: adapter::http::ResponseOutparam) {}
