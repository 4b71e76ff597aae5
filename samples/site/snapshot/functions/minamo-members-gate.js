// Lets members in: everyone else gets 403.
function handler(event) {
    var request = event.request;
    if (!request.cookies.session) {
        return {
            statusCode: 403,
            statusDescription: 'Forbidden',
            headers: { 'content-type': { value: 'text/plain' } }
        };
    }
    return request;
}
