"""UAA: who may do what. An OAuth2 and OpenID Connect server that speaks as Cloud Foundry's UAA does."""
